# SPDX-License-Identifier: Apache-2.0
# Programs with bad input of every kind beside an ordinary one: what they are costs the daemon little, is counted, and costs the others
# nothing.
mkdir -p /run/systemd/system/cprofd.service.d /srv/h
printf '[Service]\nWatchdogSec=3s\n' >/run/systemd/system/cprofd.service.d/watchdog.conf
systemctl daemon-reload && systemctl restart cprofd
pid=$(main_pid)

hostile() { # UNIT PROGRAM ARGUMENTS…: with a little CPU time
        local unit=$1
        shift
        systemd-run --quiet --unit="$unit" -p CPUQuota=8% -p Nice=-5 "$@"
}
forged="truncated cyclic random overlapping huge"
cp /out/hostile /srv/h/ordinary
cp /out/hostile /srv/h/old
for kind in $forged; do /out/hostile forge /out/hostile "/srv/h/$kind" "$kind"; done
mv /srv/h/huge /srv/h/2g
chown daemon /srv/h/* # their build id is that of the ordinary one
chown root /srv/h/ordinary

for kind in truncated cyclic random overlapping 2g; do hostile "$kind" "/srv/h/$kind" burn; done
hostile maps-1 /out/hostile maps 65000
hostile maps-2 /out/hostile maps 65000
hostile churn /out/hostile churn
hostile jit -p PrivateTmp=yes /out/hostile jit 1073741824
hostile replaced /srv/h/old burn
# another user's map, a link and a pipe where the map should be
hostile stolen -p DynamicUser=yes -p PrivateTmp=no bash -c 'while :; do :; done'
hostile linked bash -c 'ln -s /etc/passwd /tmp/perf-$$.map; while :; do :; done'
hostile piped bash -c 'mkfifo /tmp/perf-$$.map; while :; do :; done'
printf '1000 ffffffff stolen\n' >"/tmp/perf-$(systemctl show -P MainPID stolen).map"
chown daemon "/tmp/perf-$(systemctl show -P MainPID stolen).map"
# deleted, and another program in its place
rm /srv/h/old && cp /out/workload /srv/h/old
others='truncated cyclic random overlapping 2g maps-1 maps-2 churn jit replaced stolen linked piped'

systemd-run --quiet --unit=ordinary -p Nice=-10 -p CPUQuota=50% /srv/h/ordinary burn

# all of them wanted before anything happens, and recorded all the time
policy all '*.service' 'process-cpu >= 100% for 10 of 10s' Duration=2s
poll 5 policy_is all loaded
sleep 2

cpu_nsec() {
        systemctl show -P CPUUsageNSec cprofd
}
# How long the loop lets a caller wait, in ms, the longest of what is on standard input.
slowest_ms=0
ask() {
        local begin=${EPOCHREALTIME/./} end
        property NProcesses >/dev/null
        end=${EPOCHREALTIME/./}
        (((end - begin) / 1000 > slowest_ms)) && slowest_ms=$(((end - begin) / 1000))
        ! grep -l '^State:.*[tT] (' $(printf '/proc/%s/status ' $(all_pids)) && ! grep -h '^TracerPid:.*[1-9]' $(printf '/proc/%s/status ' $(all_pids))
}
all_pids() {
        local u
        for u in ordinary $others; do systemctl show -P MainPID "$u"; done
}
pids_before=$(all_pids)

begin_nsec=$(cpu_nsec) begin_usec=${EPOCHREALTIME/./}
ids=$(for u in ordinary $others; do cprofctl profile "$u" --duration 12s --no-wait; done)
echo "$ids" >/tmp/ids
undisturbed() {
        poll 1 true && stays 13 ask
}
check 'no target is stopped or traced while all are profiled' undisturbed
ended() {
        local id
        for id in $ids; do poll 20 task_is "$id" finished || return 1; done
}
check 'every task ends' ended
used=$((($(cpu_nsec) - begin_nsec) / 10 / (${EPOCHREALTIME/./} - begin_usec)))
hwm=$(awk '/^VmHWM/ { print $2 }' "/proc/$pid/status")
echo "cprofd: $used % of a core, $hwm KiB at most, slowest answer after $slowest_ms ms"
cprofctl status
for id in $ids; do cprofctl task info "$id"; done

id_of() { # UNIT
        local i=1 u
        for u in ordinary $others; do
                [ "$u" != "$1" ] || { sed -n "${i}p" /tmp/ids; return; }
                i=$((i + 1))
        done
}
ordinary_is_whole() {
        local id
        id=$(id_of ordinary)
        cprofctl task export --format=folded -o - "$id" >/tmp/folded && head -3 /tmp/folded && cprofctl task info "$id" &&
                [ "$(task_field "$id" '[.ends.root, .ends.frame_pointer, .quality.stacks_user] | (.[0] + .[1]) * 100 / .[2] | floor')" -ge 97 ] &&
                awk '/main;hostile_outer;hostile_middle;hostile_inner [0-9]/ { good += $NF } { n += $NF } END { print good, n; exit n < 100 || good < n * 0.95 }' /tmp/folded
}
check 'the ordinary program beside them is profiled completely and by name' ordinary_is_whole

named() { # UNIT
        cprofctl task export --format=folded -o - "$(id_of "$1")" >/tmp/folded && head -3 /tmp/folded && grep -q 'hostile_inner [0-9]' /tmp/folded
}
for u in truncated cyclic random overlapping 2g replaced churn maps-1; do
        check "what runs in '$u' is named all the same" named "$u"
done
told() { # UNIT: that its stacks are not whole, and why
        cprofctl task info "$(id_of "$1")" >/tmp/info && cat /tmp/info && grep -q ' complete' /tmp/info && ! grep -q '100.0 % complete' /tmp/info &&
                grep -Eq '(left all known|met code|met a rule|met stack memory|met a caller|by frame pointers alone)' /tmp/info
}
for u in truncated cyclic random maps-1; do
        check "… and that stacks of '$u' are not whole is told" told "$u"
done
jitted() {
        cprofctl task export --format=folded -o - "$(id_of jit)" >/tmp/folded && head -3 /tmp/folded
}
check 'a perf map of 1 GiB: the task has a profile' jitted
maps_not_believed() {
        local u
        for u in stolen linked piped; do
                cprofctl task export --format=folded -o - "$(id_of "$u")" >/tmp/folded && head -2 /tmp/folded && ! grep -q 'stolen [0-9]\|root:x' /tmp/folded || return 1
        done
}
check 'perf maps of others, links and pipes are not read' maps_not_believed

counted() {
        cprofctl status >/tmp/status && cat /tmp/status && grep -q 'unwind tables (.* rows' /tmp/status &&
                grep -q 'mappings of code not looked at, too many' /tmp/status &&
                grep -q 'malformed entries of unwind information' /tmp/status && grep -q 'entries of unwind information, their file has too many' /tmp/status
}
check 'the status says what was lost' counted
check "a core is used by less than a fifth ($used %)" [ "$used" -lt 20 ]
check "the daemon takes less than 64 MiB ($hwm KiB)" [ "$hwm" -lt 65536 ]
check "each question was answered within a second ($slowest_ms ms)" [ "$slowest_ms" -lt 1000 ]
check 'the targets live on' equal "$(all_pids)" "$pids_before"
check 'the daemon lives on, its watchdog was fed' alive_since "$pid"
rm -rf /srv/h
