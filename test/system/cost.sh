# SPDX-License-Identifier: Apache-2.0
# What recording costs, how good it is, and what happens when it costs more than it may.
pid=$(main_pid)
THINNED=7c2b90e4d1f64a3f8b5e06a9d3c71f58

busy load
systemctl set-property --runtime load.service CPUWeight=100
told() {
        local id entry
        id=$(cprofctl profile load --duration 4s --no-wait) && poll 10 task_is "$id" finished && journalctl --sync || return 1
        task_field "$id" '.quality, .ends, .cost'
        task_field "$id" '(.kernel_path == "eh-frame") and (.quality.stacks_user > 20) and (.quality.frames_named <= .quality.frames) and
                (([.ends[]] | add) == .n_samples) and (.cost.wall_nsec > 3900000000) and (.cost.wall_nsec < 5000000000) and
                (.cost.bpf_nsec > 0) and (.cost.daemon_cpu_nsec > 0) and (.cost.host_share_ppm > 0) and
                (.cost.host_share_ppm < 20000)' | grep -qx true || return 1
        cprofctl task info "$id"
        cprofctl task info "$id" | grep -E 'Stacks: [0-9.]+ % complete, [0-9.]+ % of frames named \(eh-frame\)' || return 1
        cprofctl task info "$id" | grep -E 'Cost: daemon used [0-9.]+ % of the host \(.*in the kernel\)' || return 1
        entry=$(journalctl -q -o json "CPROF_TASK_ID=$id" MESSAGE_ID=9b7d2c3e8f504a61b2c4d5e6f7081932)
        equal "$(jq -r '(.CPROF_COST_PERCENT | tonumber * 100 | round)' <<<"$entry")" "$(task_field "$id" '.cost.host_share_ppm / 100 | round')" &&
                equal "$(jq -r '(.CPROF_COMPLETE_PERCENT | tonumber * 100 | round)' <<<"$entry")" \
                        "$(task_field "$id" '10000 * (.ends.root + .ends.frame_pointer) / .quality.stacks_user | round')" &&
                equal "$(jq -r '.CPROF_SAMPLES' <<<"$entry")" "$(task_field "$id" .n_samples)" &&
                equal "$(jq -r '.CPROF_THINNED' <<<"$entry")" null
}
check 'quality and cost are told by task.json, task info and the journal alike' told
systemctl stop load

with_budget() { # BUDGET
        mkdir -p /etc/cprof/cprofd.conf.d
        printf '[Profile]\nBudget=%s\nOnCpuHz=%s\n' "$1" "$2" >/etc/cprof/cprofd.conf.d/budget.conf
        systemctl restart cprofd
        poll 5 cprofctl status >/dev/null
        pid=$(main_pid)
}
cpu_usec() { # UNIT
        awk '$1 == "usage_usec" { print $2 }' "/sys/fs/cgroup/system.slice/$1.service/cpu.stat"
}
cpu_nsec() { # TASK: what its profile says
        python3 /cprof/test/system/pprof-sum.py "$TASKS/$1/profile.pb.gz" | awk '$1 == "cpu/nanoseconds" { print $2 }'
}

# A rate at which sampling alone is over the budget, for too short a time to be stopped for it.
used_nsec=0
with_budget 0.1% 1000
systemd-run --quiet --unit=load -p CPUAccounting=yes /out/workload 0 0 8
sleep 1
thinned() {
        local begin end entries
        begin=$(cpu_usec load)
        thin=$(cprofctl profile load --duration 7s --no-wait) && poll 14 task_is "$thin" finished || return 1
        end=$(cpu_usec load)
        used_nsec=$(((end - begin) * 1000))
        cprofctl task info "$thin"
        cprofctl task info "$thin" | grep -E 'Thinned: on-CPU sampling lowered to 1 in 2: recording took [0-9.]+% of the host.s CPU time, its budget is 0.1%'
}
check 'a task that costs more than its budget is thinned, and says so' thinned
weighed() {
        local nsec
        nsec=$(cpu_nsec "$thin")
        echo "profile $nsec ns, used $used_nsec ns, $(task_field "$thin" .n_samples) samples, losses $(task_field "$thin" '.losses | tojson')"
        [ $((nsec * 10)) -gt $((used_nsec * 9)) ] && [ $((nsec * 10)) -lt $((used_nsec * 11)) ]
}
check '… what is left stands for all of the CPU time' weighed
in_journal() {
        journalctl --sync && journalctl -q -o json "CPROF_TASK_ID=$thin" "MESSAGE_ID=$THINNED" >/tmp/thinned && cat /tmp/thinned
        jq -r .CPROF_THINNED /tmp/thinned | head -1 | grep -q '^on-CPU sampling lowered to 1 in 2: ' &&
                equal "$(jq -r .CPROF_UNIT /tmp/thinned | head -1)" load.service &&
                equal "$(jq -r .PRIORITY /tmp/thinned | head -1)" 5 &&
                equal "$(journalctl -q -o json "CPROF_TASK_ID=$thin" CPROF_STATE=finished | jq -r .CPROF_THINNED)" "$(task_field "$thin" .thinned)"
}
check '… the journal has an entry for it' in_journal
catalog() {
        journalctl --update-catalog || return 1
        journalctl -q -x "CPROF_TASK_ID=$thin" "MESSAGE_ID=$THINNED" >/tmp/catalog
        cat /tmp/catalog
        grep -q 'Recording of load.service cost more than it may' /tmp/catalog
}
check '… with a text in the catalog' catalog
next_full() {
        local id
        systemctl stop load && busy load && id=$(cprofctl profile load --duration 1s --no-wait) && poll 8 task_is "$id" finished &&
                equal "$(task_field "$id" .thinned)" null
}
check 'the next task has the full rate again' next_full
systemctl stop load

# Work that fewer samples do not spare: processes come and go all the time.
systemd-run --quiet --unit=storm sh -c 'while :; do /bin/true; done'
sleep 1
stopped() {
        local id
        id=$(cprofctl profile storm --duration 40s --no-wait) && poll 40 task_is "$id" stopped || { cprofctl task info; return 1; }
        cprofctl task info "$id"
        task_field "$id" .reason | grep -q '^stopped to save the host: recording took .* its budget is 0.1%' &&
                [ -s "$TASKS/$id/profile.pb.gz" ] && [ "$(task_field "$id" .n_samples)" -gt 0 ]
}
check 'a task that costs too much however thin is stopped, and keeps what it has' stopped
systemctl stop storm
rm /etc/cprof/cprofd.conf.d/budget.conf
check 'cost: the daemon is the one that was started' alive_since "$pid"
