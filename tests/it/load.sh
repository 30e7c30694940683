# shellcheck shell=bash
# Sourced after site.sh: clients that ask a load balancer without a pause.
#
#     load_image                    the image of $SITE says COLOUR on port LISTEN
#     load_service CLUSTER COLOUR COUNT PORT [LINE...]
#                                   a service of it behind the load balancer `public`; LINEs are more of
#                                   its spec
#     says COLOUR
#     visits_begin, visits_end      between them, fifty requests a second each, over a connection that
#                                   stays open and over new ones
#     unanswered COUNT              at most so many of them were
#     asked COUNT                   at least so many there were
#     targets JQ                    over those of the load balancer
#     ask VERB...                   of berth

LOAD_PORT=8080

ask()
{
    "$BERTH" "$1" --state "$BERTH_STATE" "${@:2}"
}

load_image()
{
    sed -i -e 's/^CMD.*/CMD ["\/bin\/busybox", "sh", "-c", "echo $COLOUR >\/www\/index.html; exec \/bin\/busybox httpd -f -p $LISTEN -h \/www"]/' \
        -e 's/COPY busybox .*/&\nCOPY busybox \/bin\/sh/' "$SITE/apps/web/Dockerfile"
}

load_service()
{
    {
        cat <<END_OF_FILE
apiVersion: berth/v1
kind: Task
metadata: {name: web}
spec:
  cpu: 64
  memory: 32
  containerDefinitions:
    - name: web
      image: web
      stopTimeout: 2
      environment: {COLOUR: $2, LISTEN: $4}
      portMappings: [{containerPort: $4}]
---
apiVersion: berth/v1
kind: LoadBalancer
metadata: {name: public}
spec: {listeners: [{port: $LOAD_PORT}]}
---
apiVersion: berth/v1
kind: Service
metadata: {name: web}
spec:
  cluster: $1
  taskDefinition: web
  desiredCount: $3
  loadBalancers:
    - {loadBalancer: public, containerName: web, containerPort: $4, deregistrationDelay: 10,
       healthCheck: {path: /, interval: 1, timeout: 2, healthyThreshold: 2}}
END_OF_FILE
        [ $# = 4 ] || printf '%s\n' "${@:5}"
    } | site_file web.yaml
}

says()
{
    [ "$(curl -sS --max-time 5 --noproxy '*' "http://127.0.0.1:$LOAD_PORT/")" = "$1" ]
}

targets()
{
    ask status -o json | jq -e ".loadBalancers[0].targets | $1" >/dev/null
}

visits_begin()
{
    stdbuf -oL curl -s --noproxy '*' --max-time 30 --rate 50/s -o /dev/null \
        -w '%{http_code} %{time_total}\n' "http://127.0.0.1:$LOAD_PORT/?[1-1000000]" >"$IT_DIR/kept" &
    visitors=($!)
    stdbuf -oL curl -s --noproxy '*' --max-time 30 --rate 50/s -o /dev/null -H 'Connection: close' \
        -w '%{http_code} %{time_total}\n' "http://127.0.0.1:$LOAD_PORT/?[1-1000000]" >"$IT_DIR/anew" &
    visitors+=($!)
}

visits_end()
{
    kill "${visitors[@]}"
    wait "${visitors[@]}" 2>/dev/null
    return 0
}

unanswered()
{
    local failed
    failed=$(cat "$IT_DIR/kept" "$IT_DIR/anew" | grep -vc '^200 ')
    [ "$failed" -le "$1" ] || { grep -hv '^200 ' "$IT_DIR/kept" "$IT_DIR/anew" | head; return 1; }
}

asked()
{
    local count
    count=$(cat "$IT_DIR/kept" "$IT_DIR/anew" | wc -l)
    echo "$count requests"
    [ "$count" -ge "$1" ]
}
