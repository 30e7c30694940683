# shellcheck shell=bash
# Sourced after edge.sh: a service with a fixed port on some of three hosts is asked without a pause,
# whatever happens to them.
#
#     visits_open, visits_end     between them somebody asks the service of the cluster `edge` of a, b and
#                                 c, which run already; each request must have been answered
#     service COLOUR [COUNT]
#     whole [COUNT], without NAME, logged PATTERN

EDGE_LINES='instanceLostTimeout: 4'
EDGE_TIMEOUT=4
PORT=8080

visited_site()
{
    edge_site || return 1
    edge a b c
    service red
    site_commit 'two tasks on three hosts'
}

service() # COLOUR [COUNT]
{
    site_file web.yaml <<END_OF_FILE
apiVersion: berth/v1
kind: Task
metadata: {name: web}
spec:
  cpu: 64
  memory: 32
  networkMode: bridge
  containerDefinitions:
    - name: web
      image: web
      stopTimeout: 2
      environment: {COLOUR: $1}
      portMappings: [{containerPort: 8080, hostPort: $PORT}]
      $SITE_CHECK
---
apiVersion: berth/v1
kind: Service
metadata: {name: web}
spec:
  cluster: edge
  taskDefinition: web
  desiredCount: ${2:-2}
  minReadySeconds: 1
  deploymentConfiguration: {minimumHealthyPercent: 50}
  placementStrategy: [{type: spread, field: instanceId}]
END_OF_FILE
}

tasks() # JQ: over the tasks that run
{
    ask ps -o json | jq -e "[.tasks[] | select(.status == \"RUNNING\")] | $1" >/dev/null
}

logged() # PATTERN
{
    grep -q "$1" "$IT_DIR/berth.log"
}

# So many tasks run and are healthy, each on a host of its own, and nothing is left to do.
whole() # [COUNT]
{
    tasks "length == ${1-2} and all(.healthy) and (map(.instance) | unique | length) == ${1-2}" &&
        converged
}

# What is known of a host that does not answer stays as it was.
without() # NAME: two are healthy on others
{
    tasks "[.[] | select(.healthy and .instance != \"$1\")] | length == 2"
}

# As a client with three addresses does: the next one where one does not answer. The kernel takes a
# connection at once, however busy the machine; the answer may take its time.
visit()
{
    local name answered
    while [ ! -e "$IT_DIR/visited" ]; do
        answered=false
        for name in a b c; do
            ! curl -fs --connect-timeout 2 --max-time 30 -o /dev/null "http://${engine_address[$name]}:$PORT/" ||
                answered=true
            ! $answered || break
        done
        echo "$answered $(date +%T)" >>"$IT_DIR/visits"
        sleep 0.1
    done
}

visits_open()
{
    visited_site
    edge_start
    check 'it converges' eventually 90 whole || { berth_log; finish; }
    visit &
    visitor=$!
}

visits_end()
{
    local asked
    touch "$IT_DIR/visited"
    wait "$visitor"
    asked=$(wc -l <"$IT_DIR/visits")
    check "each of $asked requests was answered" test "$(grep -c false "$IT_DIR/visits")" = 0 ||
        grep false "$IT_DIR/visits" | head -20
    check 'there were some' test "$asked" -gt 10
}
