#!/bin/bash
# An image on three real hosts without a registry: built once, copied to the others over their
# connections, without the layers that they have.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engine.sh"
. "$(dirname "$0")/hosts.sh"
. "$(dirname "$0")/site.sh"
. "$(dirname "$0")/edge.sh"
. "$(dirname "$0")/images_hosts.sh"

for name in a b c; do
    check "host $name starts" host_start $name || finish
done
images_site
service_of web 3 web
site_commit 'a service on three hosts'
edge_start
check 'it converges' eventually 60 converged || { berth_log; finish; }
check 'one task on each host' spread web 1 1 1
check 'each has the same image' same_image web
first=$(image_ids web)
find_builder
note "built on $builder"
check 'it was loaded where it was not built' loads_are 0 1
for name in $others; do
    check "on $name nothing of it was there" copied $name '0 of 3 layers were there'
    note "$name: $(copy_of $name)"
    check "berth images says where from" says_from $name $builder
done
check_not 'and does not where it was built' says_from $builder $builder

# ---- Layers that are there ------------------------------------------------------------------------
echo two >"$SITE/apps/web/version"
site_commit 'another version, of which the last layer is another one'
check 'another version converges' eventually 60 converged || { berth_log; finish; }
check 'each has the same image' same_image web
check_not 'which is another one' test "$(image_ids web)" = "$first"
check 'it was loaded once more on each' loads_are 0 2
for name in $others; do
    check "on $name the other layers were there" copied $name '2 of 3 layers were there'
    check 'and less than 100 KiB was sent' sent_less $name 100
    note "$name: $(copy_of $name)"
done

# ---- A layer that is another one's too --------------------------------------------------------------
cp -r "$SITE/apps/web" "$SITE/apps/twice"
printf '%s\n' 'FROM scratch' 'COPY version /version' 'COPY busybox /bin/busybox' 'COPY version /version' \
    'CMD ["/bin/busybox", "sleep", "100000"]' >"$SITE/apps/twice/Dockerfile"
image_of twice
service_of twice 3 twice
site_commit 'an image that has one layer twice'
check 'it converges' eventually 60 converged || { berth_log; finish; }
check 'and runs everywhere' spread twice 1 1 1

# ---- What went -------------------------------------------------------------------------------------
receiver=${others%% *}
check "a person removes what runs on $receiver" force_remove "$receiver" web
check 'it is brought back' eventually 60 is_back "$receiver" web || berth_log
check 'and runs' eventually 60 spread web 1 1 1
check 'from one that has it' says_from "$receiver"

check 'it stops' berth_stop
check_not 'nothing of it is left in the folder for temporary files' \
    sh -c 'ls -A "$1" | grep .' sh "$TMPDIR"
finish
