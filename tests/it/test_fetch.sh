#!/bin/bash
# Fetching from a real sshd with the user's own configuration, and over https with real certificates.
. "$(dirname "$0")/lib.sh"

DRIVER=$ROOT/build/release/tests/it/source_tip

make_repo()
{
    git init -q -b main "$IT_DIR/repo" &&
        echo one >"$IT_DIR/repo/a.yaml" &&
        git -C "$IT_DIR/repo" add -A && git -C "$IT_DIR/repo" commit -q -m first
}

commit_more()
{
    echo "$1" >"$IT_DIR/repo/a.yaml" && git -C "$IT_DIR/repo" commit -qam "$1"
}

tip_is_head() # URL
{
    [ "$("$DRIVER" "$1" "$IT_DIR/state")" = "$(git -C "$IT_DIR/repo" rev-parse HEAD)" ]
}

fails_with() # URL TEXT
{
    local said

    said=$("$DRIVER" "$1" "$IT_DIR/state") && return 1
    echo "$said"
    [[ $said == *"$2"* ]]
}

start_sshd()
{
    mkdir -p /run/sshd "$IT_DIR/ssh" "$HOME/.ssh" && chmod 700 "$HOME/.ssh" &&
        ssh-keygen -q -t ed25519 -N '' -f "$IT_DIR/ssh/host" &&
        ssh-keygen -q -t rsa -b 3072 -N '' -f "$IT_DIR/ssh/user" &&
        cp "$IT_DIR/ssh/user.pub" "$IT_DIR/ssh/authorized" &&
        cat >"$IT_DIR/ssh/config" <<END
Port 2222
ListenAddress 127.0.0.1
HostKey $IT_DIR/ssh/host
AuthorizedKeysFile $IT_DIR/ssh/authorized
PasswordAuthentication no
StrictModes no
UsePAM no
PidFile none
END
    /usr/sbin/sshd -D -e -f "$IT_DIR/ssh/config" 2>"$IT_DIR/ssh/log" &
    eventually 20 ssh-keyscan -p 2222 127.0.0.1
}

# The alias, the port, the key and the known host are all known to ssh alone.
configure_ssh()
{
    printf '[127.0.0.1]:2222 %s\n' "$(cut -d' ' -f1,2 <"$IT_DIR/ssh/host.pub")" >"$IT_DIR/ssh/known"
    cat >"$IT_DIR/ssh/client" <<END
Host forge
    HostName 127.0.0.1
    Port 2222
    User root
    IdentityFile $IT_DIR/ssh/user
    IdentitiesOnly yes
    UserKnownHostsFile $IT_DIR/ssh/known
    StrictHostKeyChecking yes
    ControlMaster auto
    ControlPath $IT_DIR/ssh/%C
    ControlPersist 60
END
    # ssh takes the home of root from the password file, not from HOME.
    export GIT_SSH_COMMAND="ssh -F $IT_DIR/ssh/client -oBatchMode=yes"
}

make_certificates()
{
    mkdir -p "$IT_DIR/tls" &&
        openssl req -x509 -newkey rsa:2048 -nodes -keyout "$IT_DIR/tls/key" -out "$IT_DIR/tls/cert" \
            -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost
}

# openssl's own server gives away files that hold whole answers.  Here it is that of a repository
# without commits: the branches are asked for and then nothing more is.
start_https()
{
    local answer="$IT_DIR/www/repo/info/refs?service=git-upload-pack"

    git init -q --bare "$IT_DIR/empty.git" && mkdir -p "$(dirname "$answer")" &&
        {
            printf 'HTTP/1.1 200 OK\r\nConnection: close\r\n'
            printf 'Content-Type: application/x-git-upload-pack-advertisement\r\n\r\n'
            printf '001e# service=git-upload-pack\n0000'
            git upload-pack --stateless-rpc --advertise-refs "$IT_DIR/empty.git"
        } >"$answer" || return 1
    (cd "$IT_DIR/www" && exec openssl s_server -quiet -HTTP -accept 4443 -cert "$IT_DIR/tls/cert" \
        -key "$IT_DIR/tls/key") >"$IT_DIR/tls/log" 2>&1 &
    eventually 20 curl -sSk --noproxy '*' -o /dev/null https://localhost:4443/repo/none
}

is_empty() # URL
{
    local said

    said=$("$DRIVER" "$1" "$IT_DIR/state")
    echo "$said"
    [[ $said == *"has no commit yet"* ]]
}

make_repo || finish

check 'sshd starts' start_sshd || finish
configure_ssh
check 'a host of the ssh configuration' tip_is_head "forge:$IT_DIR/repo"
commit_more two
check 'again, through the shared connection that stayed behind' tip_is_head "forge:$IT_DIR/repo"
check 'as a URL' tip_is_head "ssh://forge$IT_DIR/repo"
check 'no such repository' fails_with "ssh://forge/none" 'not-found: '
ssh -F "$IT_DIR/ssh/client" -O exit forge 2>/dev/null
: >"$IT_DIR/ssh/authorized"
check 'a key that is not accepted' fails_with "ssh://forge$IT_DIR/repo" 'denied: '
: >"$IT_DIR/ssh/known"
check 'a host that is not known' fails_with "ssh://forge$IT_DIR/repo" 'Host key verification failed'
check 'nobody there' fails_with "ssh://root@127.0.0.1:9/x" 'unreachable: '

check 'certificates' make_certificates || finish
check 'https starts' start_https || finish
check 'a certificate of nobody known' fails_with https://localhost:4443/repo 'denied: '
export GIT_SSL_CAINFO=$IT_DIR/tls/cert
check 'https' is_empty https://localhost:4443/repo
check 'a certificate for another name' fails_with https://127.0.0.1:4443/repo 'denied: '
unset GIT_SSL_CAINFO
system=/etc/ssl/certs/ca-certificates.crt
cat $system "$IT_DIR/tls/cert" >"$IT_DIR/tls/system"
mount --bind "$IT_DIR/tls/system" $system
check 'an authority that the system trusts' is_empty https://localhost:4443/repo
umount $system
git config --file "$HOME/.gitconfig" http.sslVerify false
check 'verification is never turned off' fails_with https://localhost:4443/repo 'denied: '
finish
