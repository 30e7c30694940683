# shellcheck shell=bash
# Sourced after site.sh, with the three services of site_make: someone meddles, and all is as declared
# again.
#
#     meddle DESCRIPTION ID REQUEST...   an Engine API request after which container ID is replaced

ids() # SERVICE
{
    containers "$(service_is "$1")" | jq -r '.[].Id' | sort
}

id_of() # SERVICE CONTAINER
{
    containers "$(service_is "$1") and .Labels[\"berth.container\"] == \"$2\"" | jq -r '.[0].Id'
}

# as_declared: three web tasks that are healthy, one pair of three containers, one lone, nothing else
as_declared()
{
    containers | jq -e 'def running($service):
        map(select(.Labels["berth.service"] == $service and .State == "running"));
        (running("web") | map(select(.Status | test("\\(healthy\\)"))) | length) == 3 and
        (running("pair") | length) == 3 and (running("lone") | length) == 1 and length == 7'
}

gone() # ID...
{
    local id
    for id in "$@"; do
        count_is 0 ".Id == \"$id\"" || return 1
    done
}

# meddle DESCRIPTION ID REQUEST...: does it, and waits until all is well again without that container
meddle()
{
    local what=$1 id=$2
    shift 2
    check "$what" engine_api "$@" || return
    check "$what: it is replaced" eventually 40 gone "$id" || berth_log 30
    check "$what: all is well again" eventually 40 as_declared || { berth_log 30; containers | jq -c '.[]|[.Names[0],.Status,.Labels["berth.service"]]'; }
    check "$what: and stays so" stays
}

stays() # for two seconds nothing is done
{
    local before
    before=$(grep -c ' action ' "$IT_DIR/berth.log")
    sleep 2
    [ "$before" = "$(grep -c ' action ' "$IT_DIR/berth.log")" ] && as_declared
}
