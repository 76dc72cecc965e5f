# SPDX-License-Identifier: Apache-2.0
# From an empty machine to a flame graph, as its manual tells it, and away again.

install() {
        apt-get install -y /cprof/build/packages/cprofd_*.deb && systemctl enable --now cprofd &&
                systemctl is-active cprofd && systemctl is-enabled cprofd
}
check 'first day: apt-get installs the package, systemctl starts the service' install
pid=$(main_pid)
dpkg -L cprofd | while read -r f; do [ -d "$f" ] || echo "$f"; done >/tmp/files

good_unit() {
        cprofctl policy add shop --unit shop.service --when 'process-cpu >= 20% for 2 of 4s' --profile on-cpu \
                --duration 8s && policy_is shop loaded &&
                systemd-run --quiet --unit=blog /out/workload - 0 && # stays good
                systemd-run --quiet --unit=shop -p Nice=-10 /out/workload 2 0 2 &&
                poll 15 n_tasks_is true 1
}
check 'first day: a unit that goes bad starts a task' good_unit
task=$(tasks true)

same_interface() {
        busctl introspect --xml-interface "$NAME" "$OBJECT" >/tmp/live.xml ||
                return 1
        python3 /cprof/test/system/compare-introspection.py /cprof/dbus/$NAME.xml /tmp/live.xml
}
check 'first day: the live interface is the one of dbus/*.xml' same_interface

complete_words() { # WORD…: what bash offers for the last one
        bash --norc -c '. /usr/share/bash-completion/completions/cprofctl
                COMP_WORDS=(cprofctl "$@") COMP_CWORD=$#
                _cprofctl
                printf "%s\n" "${COMPREPLY[@]}"' complete "$@"
}
completion() {
        complete_words '' | grep -qx policy && complete_words policy a | grep -qx add &&
                complete_words policy show sh | grep -qx shop && complete_words unit windows blo | grep -qx blog.service &&
                complete_words task info 20 | grep -qx "$task" && complete_words policy add x --wh | grep -qx -- --when &&
                complete_words policy add x --when http-e | grep -qx http-error-rate
}
check 'first day: completion offers verbs, options, units, policies and tasks' completion

ended() {
        cprofctl task wait "$task" && task_is "$task" finished && equal "$(task_field "$task" .reason)" 'duration reached'
}
check 'first day: the task ends after its duration' ended

# The shares need more samples than a loaded machine gives in a fixed time.
record_much() {
        local id
        id=$(cprofctl profile shop --duration 60s --no-wait) &&
                poll 50 eval "[ \$(task_field $id .n_samples) -ge 1500 ]" && cprofctl task stop "$id" && poll 5 task_is "$id" stopped &&
                poll 5 test -s "$TASKS/$id/profile.pb.gz" && cprofctl task export --format=folded -o /tmp/folded "$id"
}
shares() {
        record_much &&
                awk '{ n = $NF; $NF = ""; sub(/ +$/, ""); k = split($0, f, ";"); leaf = f[k]; total += n; self[leaf] += n }
                END {
                        good = total >= 1500
                        split("resize_images 60 render_template 30 parse_headers 10", want, " ")
                        for (i = 1; i < 6; i += 2) {
                                share = 100 * self[want[i]] / total
                                print want[i], share, "of", total
                                if (share < want[i + 1] - 5 || share > want[i + 1] + 5) good = 0
                        }
                        exit !good
                }' /tmp/folded
}
check 'first day: the profile names the functions with their shares' shares
check 'first day: bad seconds after the task start no second one' n_tasks_is '.policy != ""' 1

flamegraph() {
        cd /tmp && cprofctl task flamegraph "$task" && grep -q resize_images "cprof-$task.html" &&
                grep -qi '</html>' "cprof-$task.html" && cprofctl task export -o /tmp/p.pb.gz "$task" && gzip -t /tmp/p.pb.gz &&
                cprofctl task info --top "$task" | grep -q resize_images
}
check 'first day: flame graph, pprof file and hottest functions' flamegraph

journal_fields() {
        local e='.CPROF_TASK_ID == $id and .CPROF_UNIT == "shop.service" and .CPROF_PROFILE == "on-cpu"
                and .CPROF_POLICY == "shop" and .CPROF_METRIC == "process-cpu" and (.CPROF_VALUE | tonumber) >= 20
                and (.CPROF_THRESHOLD | tonumber) == 20 and .OBJECT_PID == $pid'
        journalctl --sync
        journalctl -q -o json CPROF_UNIT=shop.service "CPROF_TASK_ID=$task" >/tmp/entries
        cat /tmp/entries
        jq -es --arg id "$task" --arg pid "$(systemctl show -P MainPID shop)" \
                'length == 2 and all('"$e"') and .[0].MESSAGE_ID == "5e0f0d4d6c1b4d0f9a3e6c0f1d7a2b31"
                and .[1].MESSAGE_ID == "9b7d2c3e8f504a61b2c4d5e6f7081932" and .[1].CPROF_STATE == "finished"' /tmp/entries
}
check 'first day: both journal entries have their fields' journal_fields

journal_of_unit() {
        journalctl -q -u shop.service | grep -q "recording on-cpu for 8s.*task $task" &&
                journalctl -q -u shop.service | grep -q 'hottest: resize_images' &&
                journalctl -q -x -u shop.service | grep -q 'cprofctl task flamegraph' &&
                journalctl --dump-catalog 3d5f7a91b2c44e6887a9cbed0f214365 | grep -q 'policy file'
}
check 'first day: journalctl -u UNIT shows them, -x explains them' journal_of_unit
check 'first day: the service is the one that was started' alive_since "$pid"

upgrade() {
        dpkg -i --no-triggers /cprof/build/packages/cprofd_*.deb && poll 10 cprofctl status &&
                [ "$(main_pid)" != "$pid" ] && task_is "$task" finished && policy_is shop loaded
}
check 'first day: an upgrade restarts the service and keeps tasks and policies' upgrade

kept_after_removal() {
        apt-get remove -y cprofd && ! systemctl is-active cprofd && [ ! -e /usr/sbin/cprofd ] &&
                [ -s "$TASKS/$task/task.json" ] && [ -s $POLICIES/shop.policy ] && [ -s /etc/cprof/cprofd.conf ]
}
check 'first day: removal stops the service and leaves tasks and policies' kept_after_removal

nothing_after_purge() {
        local left
        apt-get purge -y cprofd || return 1
        left=$(while read -r f; do [ -e "$f" ] && echo "$f"; done </tmp/files)
        left+=$(find /etc /run /usr /var/lib -xdev -name 'cprof*' 2>/dev/null)
        equal "$left" ''
}
check 'first day: purging leaves nothing' nothing_after_purge
