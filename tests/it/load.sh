# shellcheck shell=bash
# Sourced after site.sh: clients that ask a load balancer without a pause.
#
#     load_image                    the image of $SITE says COLOUR on port LISTEN
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
