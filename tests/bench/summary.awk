# Results "METRIC SIDE VALUE UNIT" to one row per metric.  The ratio is that of the medians.
function sort(values, count,    i, k, value) {
    for (i = 2; i <= count; i++) {
        value = values[i]
        for (k = i - 1; k > 0 && values[k] > value; k--)
            values[k + 1] = values[k]
        values[k + 1] = value
    }
}

function summarize(key,    n, i, values) {
    n = split(seen[key], values, " ")
    for (i = 1; i <= n; i++)
        values[i] += 0
    sort(values, n)
    low[key] = values[1]
    high[key] = values[n]
    median[key] = n % 2 ? values[(n + 1) / 2] : (values[n / 2] + values[n / 2 + 1]) / 2
}

function side_text(metric, side,    key) {
    key = metric " " side
    if (!(key in seen))
        return "-"
    return sprintf("%.2f (%.2f .. %.2f)", median[key], low[key], high[key])
}

function alone(metric, side, name) {
    if ((metric " " side) in seen)
        printf "| %s | | | %s | |\n", name, side_text(metric, side)
}

function row(metric, name, goal) {
    if (!((metric " berth") in seen))
        return
    ratio = (metric " bare") in seen && median[metric " bare"] > 0 ? \
        sprintf("%.2f", median[metric " berth"] / median[metric " bare"]) : "-"
    printf "| %s | %s | %s | %s | %s |\n", name, goal, side_text(metric, "bare"), \
        side_text(metric, "berth"), ratio
}

{
    seen[$1 " " $2] = seen[$1 " " $2] " " $3
}

END {
    for (key in seen)
        summarize(key)
    print "| | goal | bare: median (spread) | Berth: median (spread) | ratio |"
    print "| --- | --- | --- | --- | --- |"
    row("up", "services from nothing to all running, ms", "ratio 1.05")
    row("up-cpu", "client CPU per container, ms", "1")
    row("one", "one service changed: commit to task running, ms", "ratio 1.10")
    row("replace", "all replaced, new before old, health-gated, ms", "ratio 1.10")
    row("ref", "ref moved to first Engine call, one of 10,000 files, ms", "5")
    row("kill", "killed container: its end to the next one running, ms", "ratio 1.05")
    alone("kill", "restart", "the Engine's own `restart=always`, ms")
    row("nothing-cpu", "commit without effect: CPU, ms", "1")
    row("nothing-calls", "commit without effect: Engine calls", "0")
    row("apply", "`berth apply` with nothing to do, ms", "30")
    row("apply-cpu", "`berth apply` with nothing to do: CPU, ms", "")
    alone("compose-up", "compose", "docker-compose: the same from nothing, ms")
    alone("compose-up-cpu", "compose", "docker-compose: CPU per container, ms")
    alone("compose-apply", "compose", "docker-compose: nothing to do, ms")
    row("sample", "one sample of all that runs: CPU of Berth, ms", "")
    row("sample-engine", "the same: CPU of the Engine (bare: by its statistics), ms", "")
    row("idle-cpu", "converged and idle: CPU, ms each second", "0.5")
    row("idle-wakes", "converged and idle: wake-ups each second", "1")
    row("idle-memory", "converged and idle: private memory, MiB", "8")
    row("spread", "tasks over three hosts to all running, ms", "ratio 1.15")
    row("small", "one small call through SSH (bare: on the host), ms", "2 more")
    row("large", "one large call through SSH (bare: on the host), ms", "2 more")
    row("beside", "two tasks while a third host is cut off (bare: while it answers), ms", "ratio 1")
    alone("connect", "berth", "from start to connected to many hosts, ms")
}
