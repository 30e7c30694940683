#!/bin/bash
# HTTPS of the driver of load balancers on a real HAProxy: each name gets its certificate, renewed
# ones are loaded while clients ask without a pause, broken ones are not.
. "$(dirname "$0")/lib.sh"

DRIVE=$ROOT/build/${MODE:-release}/tests/it/haproxy_drive
DIR=/run/lb
LOG=$IT_DIR/drive.log
GROUP=blue:shop:web:80
CERTS=$IT_DIR/certs
since=0

cat >"$IT_DIR/serve.py" <<'END'
import http.server, time
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def do_GET(self):
        if self.path == '/slow':
            time.sleep(3)
        text = ' '.join(self.headers.get(name, '-') for name in ('X-Forwarded-Proto', 'X-Forwarded-Port')).encode()
        self.send_response(200)
        self.send_header('Content-Length', str(len(text)))
        self.end_headers()
        self.wfile.write(text)
    def log_message(self, *arguments):
        pass
http.server.ThreadingHTTPServer(('127.0.0.1', 9001), Handler).serve_forever()
END
# One connection that stays open, and new ones all the while.
cat >"$IT_DIR/load.py" <<'END'
import collections, http.client, os, ssl, threading, time
count = collections.Counter()
context = ssl._create_unverified_context()
def client(keeps):
    connection = None
    while not os.path.exists('enough'):
        try:
            if connection is None:
                connection = http.client.HTTPSConnection('127.0.0.1', 8443, timeout=30, context=context)
            connection.request('GET', '/')
            answer = connection.getresponse()
            answer.read()
            count['%d kept=%d' % (answer.status, keeps)] += 1
            if not keeps:
                connection.close()
                connection = None
            time.sleep(0.01)
        except Exception as failure:
            count[repr(failure)] += 1
            connection = None
threads = [threading.Thread(target=client, args=(keeps,)) for keeps in (True, False, False)]
for thread in threads: thread.start()
for thread in threads: thread.join()
for what in sorted(count): print(what, count[what])
END

certificate() # NAME SERIAL [FILE]: its files are there at once
{
    local file=$CERTS/${3-$1}
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 \
        -keyout "$file.key.new" -out "$file.pem.new" -set_serial "$2" -subj "/CN=$1" \
        -addext "subjectAltName=DNS:$1" 2>/dev/null &&
        mv "$file.key.new" "$file.key" && mv "$file.pem.new" "$file.pem"
}

say()
{
    printf '%s\n' "$@" >&9
}

mark()
{
    since=$(wc -l <"$LOG")
}

said() # PATTERN: a whole line since the last mark
{
    tail -n +$((since + 1)) "$LOG" | grep -qxE "$1" || { tail -n +$((since + 1)) "$LOG"; false; }
}

does() # COMMAND [RESULT]
{
    mark
    say "$1"
    eventually 20 said "DONE ${1%% *} ${2-ok}"
}

warned() # PATTERN: it looks at once
{
    say observe
    said "WARNING web: $1"
}

serial() # NAME SERIAL: what is served under that name
{
    local served
    served=$(openssl s_client -connect 127.0.0.1:8443 -servername "$1" </dev/null 2>/dev/null |
        openssl x509 -noout -serial)
    [ "$served" = "serial=$2" ] || { echo "$1: $served"; false; }
}

soon() # NAME SERIAL: when it is looked at
{
    say observe
    serial "$@"
}

get() # NAME FILE [OPTION...]
{
    curl -sS --noproxy '*' --max-time 20 --cacert "$CERTS/$2" --resolve "$1:8443:127.0.0.1" "${@:3}" \
        "https://$1:8443/"
}

workers()
{
    cat $DIR/web/pid
    pgrep -P "$(cat $DIR/web/pid)"
}

drive_start()
{
    rm -f "$IT_DIR/commands"
    mkfifo "$IT_DIR/commands" || return 1
    "$DRIVE" $DIR it <"$IT_DIR/commands" >>"$LOG" 2>&1 &
    drive_pid=$!
    exec 9>"$IT_DIR/commands"
}

wish() # SECOND: of the certificate of b.example
{
    say 'balancer web' 'listen 8443' "certificate $CERTS/a.example.pem $CERTS/a.example.key" \
        "certificate $CERTS/$1.pem $CERTS/$1.key" 'listen 8080' "group $GROUP" \
        "member $GROUP one 9001"
}

mkdir -p "$CERTS"
certificate a.example 0xA1
certificate b.example 0xB1
python3 "$IT_DIR/serve.py" >"$IT_DIR/serve.log" 2>&1 &

# The golden file, with certificates where it says that they are.
mkdir -p $DIR/web
for name in $(grep -o 'tls\.[0-9a-f]*\.pem' "$ROOT/tests/golden/haproxy/https.cfg" | sort -u); do
    cat "$CERTS/a.example.pem" "$CERTS/a.example.key" >"$DIR/web/$name"
done
check 'HAProxy takes https.cfg' haproxy -c -q -f "$ROOT/tests/golden/haproxy/https.cfg"
rm -r $DIR/web

# What cannot be loaded, with nothing of before.
drive_start
wish nobody
check 'a certificate that is missing' does apply \
    "failed invalid: LoadBalancer 'web': listeners\[0\].certificates\[1\]: cannot read '$CERTS/nobody.pem': .*"
cp "$CERTS/b.example.pem" "$CERTS/nobody.pem"
echo hello >"$CERTS/nobody.key"
check 'a key that is none' does apply "failed invalid: .*'$CERTS/nobody.key' has no private key .*"
cp "$CERTS/a.example.key" "$CERTS/nobody.key"
check 'a key of another one' does apply \
    "failed invalid: .*'$CERTS/nobody.key' is not the private key of '$CERTS/nobody.pem'"
check 'nothing runs' test ! -e $DIR/web/pid

wish b.example
check 'a balancer starts' does apply || finish
check 'one name is served its certificate' eventually 10 get a.example a.example.pem -f
check 'the other one too' get b.example b.example.pem -f
check_not 'and not each other' get a.example b.example.pem -f
check 'a client of no name gets the first' serial c.example A1
check 'the task is told of HTTPS' test "$(get a.example a.example.pem)" = 'https 8443'
check 'and of HTTP' test "$(curl -sS --noproxy '*' http://127.0.0.1:8080/)" = 'http 8080'
check 'HTTP/2 is spoken' test "$(get a.example a.example.pem -o /dev/null -w '%{http_version}')" = 2
check 'and HTTP/1.1' test "$(get a.example a.example.pem --http1.1 -o /dev/null -w '%{http_version}')" = 1.1
check_not 'TLS 1.1 is not' openssl s_client -connect 127.0.0.1:8443 -tls1_1 \
    -cipher DEFAULT@SECLEVEL=0 </dev/null
check 'its files are private' test "$(stat -c %a $DIR/web/tls.*.pem | sort -u)" = 600
check_not 'no key is in the configuration' grep -q PRIVATE $DIR/web/haproxy.cfg

# Renewed, while clients ask.
python3 "$IT_DIR/load.py" >"$IT_DIR/load" 2>&1 &
load=$!
curl -sS --noproxy '*' -k https://127.0.0.1:8443/slow >"$IT_DIR/slow" &
slow=$!
before=$(workers)
shape=$(sed -n 's/^BALANCER web shape=\([0-9a-f]*\) .*/\1/p' "$LOG" | tail -n 1)
certificate a.example 0xA2
check 'a renewed certificate is loaded by itself' eventually 40 serial a.example A2
check 'the other one stays' serial b.example B1
for number in 3 4 5; do
    certificate b.example 0xB$number
    check "the next one is loaded" eventually 10 soon b.example B$number
done
wait $slow
check 'what was open went on to its end' grep -q '^https 8443$' "$IT_DIR/slow"
check 'the processes are the same' test "$(workers)" = "$before"
mark
check 'the shape is the same' does apply
check 'and the report' said "BALANCER web shape=$shape .*"
check 'nothing was reloaded for it' test "$(workers)" = "$before"
check 'the folder has what is loaded' grep -qF "$(sed -n 2p "$CERTS/b.example.pem")" $DIR/web/tls.*.pem

# Broken.
mark
cp -p "$CERTS/a.example.pem" good.pem
cp "$CERTS/b.example.pem" "$CERTS/a.example.pem"
check 'one that is not of its key is told' eventually 10 \
    warned "a changed certificate is not loaded, the one of before stays: '.*a.example.key' is not the private key of '.*a.example.pem'"
check 'and not loaded' serial a.example A2
check_not 'nor is what is in it told' grep -q 'BEGIN\|PRIVATE' "$LOG"
say 'listen 8081'
check 'another shape keeps the one of before' does apply
check 'which is served' eventually 10 serial a.example A2
mark
check 'and still told' eventually 10 warned '.* is not the private key .*'
certificate a.example 0xA6
check 'a good one ends that' eventually 10 soon a.example A6
mark
check 'a look' does observe
check_not 'and there is no warning' said 'WARNING .*'
touch enough
wait $load
check_not 'no request failed' grep -v '^200 kept=' "$IT_DIR/load"
note "$(tr '\n' ' ' <"$IT_DIR/load")"

# Berth is killed; certificates are renewed meanwhile.
master=$(cat $DIR/web/pid)
kill -9 $drive_pid
wait $drive_pid 2>/dev/null
certificate b.example 0xB7
check 'without Berth it goes on' serial b.example B5
# A transaction that the former one left behind is no obstacle.
python3 - $DIR/web/tls.*.pem <<'END'
import socket, sys
for path in sys.argv[1:2]:
    master = socket.socket(socket.AF_UNIX)
    master.connect('/run/lb/web/master.sock')
    master.sendall(('@1 set ssl cert %s <<\n%s\n' % (path, open(path).read())).encode())
    master.shutdown(socket.SHUT_WR)
    print(master.recv(4096).decode())
END
mark
drive_start
check 'the next Berth finds it' eventually 10 said 'BALANCER web shape=.*'
check 'and loads what was renewed' eventually 10 serial b.example B7
check 'nothing else of it changed' serial a.example A6
check 'by the same process' test "$(cat $DIR/web/pid)" = "$master"

# A death with a broken certificate, and other paths.
wish b.example
cp "$CERTS/b.example.pem" "$CERTS/a.example.pem"
mark
kill -9 "$master"
check 'a death is told' eventually 10 said 'GONE web'
check 'it starts with the one of before' does apply
check 'which is served' eventually 10 serial a.example A6
certificate b.example 0xB8 other
wish other
check 'another path is another shape' does apply
check 'and served' eventually 10 serial b.example B8
check 'what is not used is removed' eventually 10 test "$(ls $DIR/web/tls.* | wc -l)" = 2
check 'it stops' does stop
check 'and leaves nothing' eventually 20 test -z "$(ls $DIR)"
say quit
wait $drive_pid
check 'it ends cleanly' test $? = 0
finish
