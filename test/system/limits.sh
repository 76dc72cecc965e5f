# SPDX-License-Identifier: Apache-2.0
# What is missing: space on the disk, privileges.
systemctl stop cprofd
mount -t tmpfs -o size=400k,mode=700 tmpfs /var/lib/cprof
systemctl start cprofd
pid=$(main_pid)
busy app
poll 5 eval 'call ListUnits | grep -q app.service'

loss() { # NAME
        cprofctl --json=short status | jq ".losses[\"$1\"]"
}
full() {
        local id
        id=$(cprofctl profile app --duration 3s --no-wait) && echo "$id" >/tmp/full-id || return 1
        dd if=/dev/zero of=/var/lib/cprof/filler bs=4k 2>/dev/null
        tasks true | grep -qx "$id" || return 1
        poll 10 eval '[ $(loss sink-store-failed) -gt 0 ]' && tasks true | grep -qx "$id" && journalctl --sync &&
                journalctl -q -u cprofd | grep -q "task $id to sink 'store'.*No space left" &&
                journalctl -q "CPROF_TASK_ID=$id" MESSAGE_ID=9b7d2c3e8f504a61b2c4d5e6f7081932 | grep -q 'Recorded [0-9]* samples' &&
                task_is "$id" finished
}
check 'a full disk: the loss is counted and told, the task listed, the journal has the result' full

all_full() {
        local id
        id=$(cprofctl profile app --duration 1s --no-wait) && cprofctl task wait "$id" && tasks '.state == "finished"' | grep -qx "$id" &&
                refused '' cprofctl task export -o - "$id" && cprofctl task delete "$id" && n_tasks_is ".id == \"$id\"" 0
}
check 'a task that begins on a full disk runs, is listed, and can be deleted' all_full
check '… and the daemon lives' alive_since "$pid"

freed() {
        local id
        rm /var/lib/cprof/filler
        id=$(cprofctl profile app --duration 1s --no-wait) && poll 10 task_is "$id" finished &&
                poll 5 test -s "$TASKS/$id/profile.pb.gz" && [ -s "$TASKS/$id/task.json" ] &&
                cprofctl task export --format=folded -o - "$id" | grep -q resize_images &&
                equal "$(find /var/lib/cprof -name '*.tmp*' -o -name '.*' -not -name . | grep -c .)" 0
}
check 'with space again the next task is written, and no half file is left' freed

systemctl stop cprofd
umount /var/lib/cprof
mkdir -p /run/systemd/system/cprofd.service.d
printf '[Service]\nCapabilityBoundingSet=\nCapabilityBoundingSet=CAP_SYS_PTRACE CAP_DAC_READ_SEARCH\n' >/run/systemd/system/cprofd.service.d/small.conf
systemctl daemon-reload
policy app app.service 'process-cpu >= 20% for 1 of 4s' Duration=2s
systemctl start cprofd
pid=$(main_pid)

degraded() {
        cprofctl status | tee /tmp/status && grep -q '/proc' /tmp/status && grep -q 'task-iterator: .*CAP_BPF' /tmp/status &&
                grep -q 'on-cpu: .*CAP_' /tmp/status && equal "$(property ProcessSource)" 's "proc"'
}
check 'without privileges the status says /proc, and which capability is missing' degraded

impossible() {
        poll 8 eval '[ "$(window_field app.service true .hits)" -ge 1 ]' && # it is measured all the same
                equal "$(window_field app.service true .status)" impossible &&
                window_field app.service true .reason | grep CAP_ && cprofctl unit list --no-pager | grep 'app.service.*impossible' &&
                refused 'CAP_' cprofctl profile app
}
check '… rules are shown as impossible, with the reason' impossible
check '… and nothing is started' stays 3 n_tasks_is '.policy != ""' 0
check '… by a daemon that goes on' alive_since "$pid"

restored() {
        rm -r /run/systemd/system/cprofd.service.d && systemctl daemon-reload && systemctl restart cprofd &&
                poll 8 n_tasks_is '.unit == "app.service" and .state == "finished"' 1
}
check 'with them again it acts' restored

without_bpf() {
        mkdir -p /run/systemd/system/cprofd.service.d
        cp /cprof/build/none/src/cprofd /tmp/cprofd-none # built for another prefix: the same paths below /etc and /run
        printf '[Service]\nExecStart=\nExecStart=/opt/cprofd-none\n' >/run/systemd/system/cprofd.service.d/none.conf
        mkdir -p /opt && mv /tmp/cprofd-none /opt/
        systemctl daemon-reload && systemctl restart cprofd && cprofctl status >/tmp/status && cat /tmp/status &&
                grep -q '/proc' /tmp/status && grep -q 'on-cpu: .*build' /tmp/status &&
                poll 8 eval 'equal "$(call ListUnits | grep -c app.service)" 1' && refused 'build' cprofctl profile app
}
none='a build without BPF watches by /proc and says what it lacks'
if [ -x /cprof/build/none/src/cprofd ]; then check "$none" without_bpf; else tap "ok - $none # SKIP there is no such build"; fi
rm -rf /run/systemd/system/cprofd.service.d

hangs() {
        local pid
        mkdir -p /run/systemd/system/cprofd.service.d
        printf '[Service]\nWatchdogSec=2s\n' >/run/systemd/system/cprofd.service.d/watchdog.conf
        systemctl daemon-reload && systemctl restart cprofd
        pid=$(main_pid)
        stays 4 alive_since "$pid" && kill -STOP "$pid" && poll 15 eval "[ \$(main_pid) != $pid ] && cprofctl status" &&
                equal "$(systemctl show -P NRestarts cprofd)" 1
}
check 'the watchdog is fed, and a daemon that hangs is started again' hangs
