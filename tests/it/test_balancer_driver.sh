#!/bin/bash
# The driver of load balancers on a real HAProxy: members, shapes, deaths, adoption, and no request
# lost by any of it.
. "$(dirname "$0")/lib.sh"

DRIVE=$ROOT/build/${MODE:-release}/tests/it/haproxy_drive
DIR=/run/lb
LOG=$IT_DIR/drive.log
GROUP=blue:shop:web:80

# A server that says its name, and is well as long as there is no file of that name; and clients
# that keep their connections, for so many seconds, and count what is answered.
cat >"$IT_DIR/serve.py" <<'EOF'
import http.server, os, sys, time
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def do_GET(self):
        if self.path == '/slow':
            time.sleep(2)
        ill = self.path == '/health' and os.path.exists('ill.' + sys.argv[2])
        text = (self.headers.get('X-Forwarded-For', '-') if self.path == '/from' else sys.argv[2]).encode()
        self.send_response(500 if ill else 200)
        self.send_header('Content-Length', str(len(text)))
        self.end_headers()
        self.wfile.write(text)
    def log_message(self, *arguments):
        pass
class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128
Server(('127.0.0.1', int(sys.argv[1])), Handler).serve_forever()
EOF
cat >"$IT_DIR/load.py" <<'EOF'
import collections, http.client, os, sys, threading, time
count = collections.Counter()
def client():
    connection = None
    while not os.path.exists('enough'):
        try:
            if connection is None:
                connection = http.client.HTTPConnection('127.0.0.1', int(sys.argv[1]), timeout=30)
            connection.request('GET', '/')
            answer = connection.getresponse()
            count['%d %s' % (answer.status, answer.read().decode().strip())] += 1
            open('begun', 'w').close()
            if answer.getheader('Connection') == 'close':
                connection.close()
                connection = None
            time.sleep(0.002)
        except Exception as failure:
            count[repr(failure)] += 1
            connection = None
threads = [threading.Thread(target=client) for _ in range(6)]
for thread in threads: thread.start()
for thread in threads: thread.join()
for what in sorted(count): print(what)
EOF

drive_start()
{
    rm -f "$IT_DIR/commands"
    mkfifo "$IT_DIR/commands" || return 1
    "$DRIVE" $DIR it <"$IT_DIR/commands" >"$LOG" 2>&1 &
    drive_pid=$!
    exec 9>"$IT_DIR/commands"
}

say() # LINE...
{
    printf '%s\n' "$@" >&9
}

said() # PATTERN: a whole line since the last mark
{
    tail -n +$((since + 1)) "$LOG" | grep -qxE "$1" || { tail -n +$((since + 1)) "$LOG"; false; }
}

since=0
mark()
{
    since=$(wc -l <"$LOG")
}

does() # COMMAND [RESULT]
{
    mark
    say "$1"
    eventually 20 said "DONE ${1%% *} ${2-ok}"
}

last() # TASK: how it was reported last
{
    sed -n "s#^TARGET [^ ]*/$1 [^ ]* \(.*\)#\1#p" "$LOG" | tail -n 1
}

is() # TASK PATTERN
{
    last "$1" | grep -qxE "$2" || { last "$1"; false; }
}

get() # PATH [PORT]
{
    curl -sS --noproxy '*' --max-time 20 "http://127.0.0.1:${2-8000}$1"
}

answers() # NAME...: these, and no others, of 8 requests
{
    local names
    names=$(for _ in 1 2 3 4 5 6 7 8; do get / && echo; done | sort -u | tr '\n' ' ')
    [ "$names" = "$* " ] || { echo "answered: $names"; false; }
}

load_start() # [PORT]
{
    rm -f enough begun
    python3 "$IT_DIR/load.py" "${1-8000}" >"$IT_DIR/load" 2>&1 &
    load_pid=$!
    eventually 20 test -e begun
}

load_ends() # only answers of servers
{
    touch enough
    wait $load_pid
    ! grep -v '^200 [a-z0-9]*$' "$IT_DIR/load" && grep -q '^200' "$IT_DIR/load"
}

pid_of() # NAME: of its master
{
    cat "$DIR/$1/pid"
}

# The golden files: HAProxy takes them, and texts of manifests come out as they went in.  That of HTTPS
# needs certificates: test_balancer_tls.sh.
for file in "$ROOT"/tests/golden/haproxy/*.cfg; do
    [ "$(basename "$file")" != https.cfg ] || continue
    check "HAProxy takes $(basename "$file")" haproxy -c -q -f "$file"
done
haproxy -q -db -f "$ROOT/tests/golden/haproxy/hostile.cfg" &
hostile=$!
printf 'a"b'"'"'c\\d$HOME#e %%[src] {f}\n\tglobal\r\x7f\xc3\xa4' >body
printf 'https://a"b'"'"'c\\d$HOME#e%%[src] f/x?y\r\n' >location
said_hostile()
{
    get /x?y 8080 >body.is && cmp body body.is
}
sent_hostile()
{
    curl -sS --noproxy '*' -o /dev/null -D - 'http://127.0.0.1:8081/x?y' | sed -n 's/^location: //p' |
        cmp location -
}
check 'a body is sent byte for byte' eventually 10 said_hostile
check 'so is a location' eventually 10 sent_hostile
kill $hostile
wait $hostile 2>/dev/null

for number in 1 2 3; do
    python3 "$IT_DIR/serve.py" 900$number s$number >"$IT_DIR/serve$number.log" 2>&1 &
done
for number in 1 2 3; do
    check "server $number answers" eventually 20 get / 900$number
done

drive_start
check 'with nothing there all is known' eventually 20 said KNOWN || finish

# Starting.
say 'balancer web' 'listen 8000' "group $GROUP" "member $GROUP one 9001" "member $GROUP two 9002"
check 'a balancer starts' does apply || finish
check 'it is reported before the call ends' said 'BALANCER web shape=[0-9a-f]{8} stopping=0 applied=1 targets=2'
check 'its targets pass their first check' eventually 10 is one 'healthy .*'
check 'both of them' eventually 10 is two 'healthy .*'
check 'both answer' answers s1 s2
check 'applying again changes nothing' does apply
check 'the client is named' test "$(get /from)" = 127.0.0.1
check 'behind what it says itself' test \
    "$(curl -sS --noproxy '*' -H 'X-Forwarded-For: 1.2.3.4' http://127.0.0.1:8000/from)" = '1.2.3.4, 127.0.0.1'
check 'its folder is private' test "$(stat -c %a $DIR/web/haproxy.cfg)" = 600
check 'the workers are not root' test "$(ps -o user= -p "$(pgrep -P "$(pid_of web)")")" = haproxy

# Members, under load.
load_start
say "member $GROUP three 9003"
check 'a member is added' does apply
check 'it is in service soon' eventually 10 is three 'healthy .*'
say 'drains one'
check 'one drains' does apply
check 'it is reported' said 'TARGET .*/one .* draining connections=[0-9]+ .*'
check 'until nothing is open' eventually 10 is one 'draining connections=0 .*'
check 'nothing new comes' answers s2 s3
say 'leaves one'
check 'it is removed' does apply
check_not 'and not reported' eval "sed -n '/applied=1/,\$p' '$LOG' | tac | sed '/applied=1/q' | grep -q /one"
reloads=$(pid_of web; pgrep -P "$(pid_of web)")
check 'no request failed' load_ends
check 'the file has the members' test "$(grep -c '^ *server ' $DIR/web/haproxy.cfg)" = 2

# Draining keeps what is open.
get /slow >"$IT_DIR/slow" &
slow=$!
sleep 0.5
say 'drains two' 'drains three'
check 'all drain' does apply
check 'a request goes on' eventually 10 grep -qE '^TARGET .* draining connections=1 ' "$LOG"
wait $slow
check 'to its end' grep -q '^s[23]$' "$IT_DIR/slow"
check 'others are refused' test "$(curl -sS --noproxy '*' -o /dev/null -w '%{http_code}' http://127.0.0.1:8000/)" = 503
say 'stays two' 'stays three'
check 'they come back' does apply
check 'at once' eventually 10 is two 'healthy .*'
check 'without a reload so far' test "$(pid_of web; pgrep -P "$(pid_of web)")" = "$reloads"

# Health.
touch ill.s2
check 'a target that fails its checks is unhealthy' eventually 20 is two \
    'unhealthy .* reason=Health checks failed with these codes: \[500\]'
check 'the other one answers' answers s3
rm ill.s2
check 'it becomes healthy again' eventually 20 is two 'healthy .*'

# Another shape, under load.
load_start
touch ill.s2
check 'one is unhealthy' eventually 20 is two 'unhealthy .*'
say 'listen 8001'
check 'a listener is added' does apply
check 'what was unhealthy is so still' said 'TARGET .*/two .* unhealthy .*'
check 'the new listener answers' get / 8001
check 'another change' does apply
rm ill.s2
check 'no request failed in reloads' load_ends
check 'the worker is another one' test "$(pid_of web; pgrep -P "$(pid_of web)")" != "$reloads"
check 'both are healthy' eventually 20 is two 'healthy .*'

# What cannot be.
shape=$(sed -n 's/^BALANCER web shape=\([0-9a-f]*\) .*/\1/p' "$LOG" | tail -n 1)
cp $DIR/web/haproxy.cfg good.cfg
say "source $GROUP nonsense:/"
check 'a configuration that HAProxy refuses' does apply 'failed invalid: .*HAProxy refuses the configuration: .*nonsense.*'
check 'is reported' said "FAILED web: .*"
check 'and replaces nothing' cmp good.cfg $DIR/web/haproxy.cfg
check 'the old one answers' answers s2 s3
python3 -c 'import socket, time
s = socket.socket(); s.bind(("127.0.0.1", 8003)); s.listen(); open("taken", "w"); time.sleep(1000)' &
taken=$!
check 'somebody takes a port' eventually 20 test -e taken
say 'balancer web' 'listen 8000' 'listen 8001' 'listen 8003' "group $GROUP" \
    "member $GROUP two 9002" "member $GROUP three 9003"
check 'a port that is taken' does apply \
    'failed failed: .*cannot listen on 127.0.0.1:8003: Address already in use'
check 'the old shape is there' cmp good.cfg $DIR/web/haproxy.cfg
check 'and answers' answers s2 s3
check 'and is reported' does observe
check 'as it is' said "BALANCER web shape=$shape .*"
kill $taken
wait $taken 2>/dev/null
check 'a free port' does apply
check 'answers' get / 8003

# Deaths.
for victim in worker master; do
    mark
    if [ $victim = worker ]; then
        kill -9 "$(pgrep -P "$(pid_of web)" | tail -n 1)"
    else
        kill -9 "$(pid_of web)"
    fi
    check "a dead $victim is told" eventually 10 said 'GONE web'
    check 'it starts again' does apply
    check 'with the healthy ones in service at once' said 'TARGET .*/two .* healthy .*'
    check 'which answer' answers s2 s3
done

# The next Berth.
master=$(pid_of web)
mark
say reopen
check 'a new driver finds it' eventually 20 said 'BALANCER web shape=[0-9a-f]{8} .* targets=2'
check 'and knows all' eventually 20 said KNOWN
check 'it is the same process' test "$(pid_of web)" = "$master"
check 'and is changed as before' does apply
mark
touch ill.s3
check 'what happens is told to the new one' eventually 20 is three 'unhealthy .*'
rm ill.s3
check 'and the end of that' eventually 20 is three 'healthy .*'
check 'an action can be cancelled' does cancel 'failed cancelled: .*'

# Speed.
mark
say 'time 20 two'
check 'a change of a member takes few milliseconds' eventually 20 said 'DONE time ok'
note "$(grep ^TIME "$LOG")"

# Several, and TCP; names that are long.
long=$(printf 'x%.0s' $(seq 255))
say "balancer $long" 'listen 8100 tcp' "group $GROUP" "member $GROUP two 9002"
check 'another one, of TCP' does apply
check 'it answers when its check has passed' eventually 10 get / 8100
check 'it stops' does stop
check 'and is gone' eventually 10 said "GONE $long"
check 'with its folder' test "$(ls $DIR)" = web

# Stopping.
say 'balancer web' 'listen 8000'
get /slow >"$IT_DIR/slow" &
slow=$!
sleep 0.5
check 'a stop begins' does stop
check 'it is reported' said 'BALANCER web .* stopping=1 .*'
wait $slow
check 'what is open goes on' grep -q '^s[23]$' "$IT_DIR/slow"
check 'then it is gone' eventually 10 said 'GONE web'
check 'its folder too' test -z "$(ls $DIR)"
check_not 'and its process' kill -0 "$master"
check 'stopping again is no failure' does stop

say quit
wait $drive_pid
check 'it ends cleanly' test $? = 0
finish
