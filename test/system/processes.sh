# SPDX-License-Identifier: Apache-2.0
# Processes that are hard to get hold of: in containers, dying, beyond what may be sampled.
pid=$(main_pid)
policy inner 'nested.service hidden.service box.service' 'process-cpu >= 20% for 2 of 4s' Duration=3s Exe=*
policy dying 'dying-*.service' 'process-thread-count >= 1 for 2 of 3s' Duration=5s Silence=1s
poll 5 policy_is dying loaded

# as a container has it: process 1 of a namespace of its own
systemd-run --quiet --unit=nested -p Nice=-10 unshare --pid --fork --kill-child --mount-proc /out/workload 0 0
# … with a program that is only inside
systemd-run --quiet --unit=hidden -p Nice=-10 unshare --mount --pid --fork --kill-child sh -c \
        'mount -t tmpfs none /mnt && cp /out/workload /mnt/app && mount -t proc proc /proc && exec /mnt/app 0 0'

# a container with a root of its own below the unit's cgroup
mkdir -p /tmp/box/usr /tmp/box/out /tmp/box/etc && cp /etc/os-release /tmp/box/etc/ && cp -P --parents /lib /lib64 /bin /tmp/box/
systemd-run --quiet --unit=box -p Nice=-10 -p Delegate=yes systemd-nspawn -q -D /tmp/box --register=no --keep-unit \
        --bind-ro=/usr --bind-ro=/out /out/workload 0 0

inner() { # UNIT PROCESS
        local id
        poll 12 n_tasks_is ".unit == \"$1.service\" and .state == \"finished\"" 1 || return 1
        id=$(tasks ".unit == \"$1.service\"")
        equal "$(task_field "$id" .process)" "$2" && task_field "$id" .pid | grep -qx "$(pids "$1" "$2")" &&
                cprofctl task export --format=folded -o - "$id" >/tmp/folded && head -3 /tmp/folded &&
                grep -q 'handle_request;resize_images [0-9]' /tmp/folded && grep -q ';render_template [0-9]' /tmp/folded
}
pids() { # UNIT COMM
        local p
        find "/sys/fs/cgroup/system.slice/$1.service" -name cgroup.procs -exec cat {} + |
                while read -r p; do [ "$(cat "/proc/$p/comm")" != "$2" ] || echo "$p"; done
}
check 'a process in a namespace of its own is triggered, sampled and named' inner nested workload
check '… also when its program is only in there' inner hidden app
check '… and one in a nested systemd-nspawn' inner box workload
systemctl kill -s KILL nested hidden box # unshare --fork ignores SIGTERM

# Each ends at another moment of the second in which the rule holds, or of the ones before.
die() {
        local i
        for i in 05 12 20 27 35 42 50 57 65 72 80 87 95; do
                systemd-run --quiet --unit="dying-$i" sleep "2.$i"
                systemd-run --quiet --unit="dying-1$i" sleep "3.$i"
        done
        poll 10 eval '! systemctl list-units --no-legend "dying-*" | grep -q .' &&
                poll 5 n_tasks_is '(.unit | startswith("dying-")) and .state == "running"' 0 &&
                n_tasks_is '(.unit | startswith("dying-")) and .state != "finished"' 0
}
check 'processes that die in the second of the decision leave nothing running' die
n=$(tasks '.unit | startswith("dying-")' | grep -c .)
echo "$n tasks of dying processes"
check '… at most one task each' equal "$(cprofctl --json=short task list | jq '[.[].unit | select(startswith("dying-"))] | length - (unique | length)')" 0
check '… and are never decided on again' stays 3 n_tasks_is '.unit | startswith("dying-")' "$n"
check 'processes: the daemon lived through it' alive_since "$pid"

# no more room among the sampled processes
mkdir -p /etc/cprof/cprofd.conf.d
printf '[Profile]\nMaxProcesses=1\n' >/etc/cprof/cprofd.conf.d/small.conf
systemctl restart cprofd
pid=$(main_pid)
policy first first.service 'process-thread-count >= 1 for 1s' Duration=30s
policy second second.service 'process-thread-count >= 1 for 1s' Duration=30s
idle first
poll 8 n_tasks_is '.unit == "first.service" and .state == "running"' 1
idle second
cannot() {
        local id
        poll 8 n_tasks_is '.unit == "second.service" and .state == "failed"' 1 || return 1
        id=$(tasks '.unit == "second.service"')
        task_field "$id" .reason | grep -q 'no more processes can be sampled, 1 are already' && journalctl --sync &&
                journalctl -q "CPROF_TASK_ID=$id" MESSAGE_ID=c1a4e8b27d3f4955a6b8c9d0e1f2a344 | grep -q .
}
check 'a process that cannot be sampled makes a failed task with the reason' cannot
check '… one, not one a second' stays 4 n_tasks_is '.unit == "second.service"' 1
check '… and the other one runs on' n_tasks_is '.unit == "first.service" and .state == "running"' 1
check 'MaxProcesses: the daemon is the one that was started' alive_since "$pid"
