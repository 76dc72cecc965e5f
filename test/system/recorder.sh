# SPDX-License-Identifier: Apache-2.0
# The flight recorder: what was before the trigger, also of those who are gone, and that off is off.
pid=$(main_pid)

# the first three run side by side
policy turn turn.service 'process-thread-count >= 2 for 1s' Duration=5s Silence=60s
policy family family.service 'process-cpu >= 1000% for 60 of 60s' Scope=unit
poll 5 policy_is turn loaded && poll 5 policy_is family loaded
systemd-run --quiet --unit=turn -p Nice=-10 /out/turn 9
systemd-run --quiet --unit=family -p Nice=-10 /out/turn -

share() { # FILE FUNCTION: per cent of all samples that have it
        awk -v f=";$2( |;)" '{ n += $NF } $0 ~ f { k += $NF } END { printf "%d\n", n ? 100 * k / n : -1 }' "$1"
}
at_least() { # A B
        [ "$1" -ge "$2" ] || { echo "$1 is less than $2"; return 1; }
}

dead_worker() {
        local id
        poll 8 eval '! pgrep -P "$(systemctl show -P MainPID family)"' || return 1
        id=$(cprofctl profile family --duration 1s --no-wait) && poll 8 task_is "$id" finished || return 1
        cprofctl task export --format=before-folded -o /tmp/before "$id" && head -3 /tmp/before || return 1
        at_least "$(share /tmp/before doomed_ways)" 90 && at_least "$(task_field "$id" .before.samples)" 10
}
check 'a worker that died before the start is in the part before it' dead_worker

poll 20 n_tasks_is '.unit == "turn.service" and .state == "running"' 1
turn=$(tasks '.unit == "turn.service"')
check 'the part before is there while the task runs' at_least "$(task_field "$turn" .before.samples)" 20
check 'a task of a trigger is over after its time' poll 10 task_is "$turn" finished
soon() {
        local usec
        usec=$(task_field "$turn" '.first_sample_monotonic_usec - .slot_end_monotonic_usec')
        echo "first sample $usec us after the second that decided"
        [ "$usec" -lt 1000000 ]
}
check 'it records within a second of the one that decided' soon
fields() {
        task_field "$turn" '.before, .started_monotonic_usec' &&
                task_field "$turn" '(.before.samples >= 20) and (.before.sample_period_nsec > 40000000) and
                        (.before.sample_period_nsec < 100000000) and
                        (.started_monotonic_usec - .before.first_sample_monotonic_usec > 5000000) and
                        (.started_monotonic_usec - .before.first_sample_monotonic_usec < 31000000) and
                        (.before.first_sample_realtime_usec < .started_realtime_usec)' | grep -qx true
}
check 'task.json tells how much, at which rate and since when' fields
check '… and the file is what is told over the bus' equal "$(jq -c .before "$TASKS/$turn/task.json")" "$(task_field "$turn" '.before | tojson')"
check '… task info tells it' eval 'cprofctl task info "$turn" | grep -E "Before: [0-9]+ samples of the [0-9.]+s before"'
entry() {
        journalctl --sync && poll 5 eval 'journalctl -q -o json "CPROF_TASK_ID=$turn" CPROF_SAMPLES_BEFORE="$(task_field "$turn" .before.samples)" | grep -q .'
}
check '… and the journal' entry

before_and_after() {
        cprofctl task export --format=before-folded -o /tmp/before "$turn" && cprofctl task export --format=folded -o /tmp/during "$turn" &&
                head -3 /tmp/before /tmp/during || return 1
        at_least "$(share /tmp/before old_ways)" 60 && at_least "$(share /tmp/during new_ways)" 95 && equal "$(share /tmp/during old_ways)" 0
}
check 'what was hot before the trigger and what is after it are apart' before_and_after
rooted() {
        grep -E 'main;take_turn;old_ways' /tmp/before && grep -E 'main;take_turn;new_ways' /tmp/during &&
                task_field "$turn" '.quality.stacks_user as $n | 100 * .ends.root / $n' | tee /dev/stderr | awk '{ exit !($1 >= 95) }' &&
                equal "$(task_field "$turn" .kernel_path)" eh-frame
}
check 'without frame pointers stacks reach main' rooted
magic() { # FILE: gzip
        [ "$(head -c 2 "$1" | od -An -tx1 | tr -d ' ')" = 1f8b ]
}
check 'both profiles are files of the task' eval 'magic "$TASKS/$turn/before.pb.gz" && magic "$TASKS/$turn/profile.pb.gz"'

differs() {
        cprofctl task diff --top "$turn" >/tmp/diff && cat /tmp/diff || return 1
        # the one that became hot is first, the other has gone down
        awk '$NF == "new_ways" && $1 + 0 > 50 { up = 1 } $NF == "old_ways" && $1 + 0 < -50 { down = 1 } END { exit !(up && down) }' /tmp/diff
}
check 'task diff --top names both functions' differs
check 'task diff makes a page' eval 'cprofctl task diff -o /tmp/diff.html "$turn" && grep -q new_ways /tmp/diff.html && grep -q old_ways /tmp/diff.html'
check 'task flamegraph --before shows the old one' eval 'cprofctl task flamegraph --before -o /tmp/before.html "$turn" && grep -q old_ways /tmp/before.html'
check 'recorder: the daemon is the one that was started' alive_since "$pid"
systemctl stop turn family
rm $POLICIES/*.policy

# How often the on-CPU programs of the daemon run.
policy never again.service 'process-cpu >= 1000% for 60 of 60s'
poll 5 policy_is never loaded
busy again
sleep 2
runs() {
        python3 /cprof/test/system/bpf-runs.py "$(main_pid)" 3
}
check 'a watched process is looked at by the recorder' eval 'n=$(runs) && echo "$n runs" && [ "$n" -gt 10 ]'
mkdir -p /etc/cprof/cprofd.conf.d
printf '[Recorder]\nRecorderHz=0\n' >/etc/cprof/cprofd.conf.d/off.conf
systemctl restart cprofd
poll 5 policy_is never loaded
sleep 2
check 'RecorderHz=0: nothing interrupts the machine' eval 'n=$(runs) && echo "$n runs" && equal "$n" 0'
off() {
        local id
        id=$(cprofctl profile again --duration 1s --no-wait) && poll 8 task_is "$id" finished &&
                equal "$(task_field "$id" .before.samples)" 0 && [ "$(task_field "$id" .n_samples)" -gt 10 ] &&
                refused 'has nothing from before its trigger' cprofctl task diff "$id" && [ ! -e "$TASKS/$id/before.pb.gz" ]
}
check '… a task has nothing of before, and says so' off
check '… and nothing interrupts it when the task is over' eval 'sleep 1; n=$(runs) && echo "$n runs" && equal "$n" 0'
check '… GetHottest says that it is off' refused 'The recorder is off' call GetHottest stu again.service 5000000 5
systemctl stop again
