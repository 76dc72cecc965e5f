# SPDX-License-Identifier: Apache-2.0
# Policies as files: drop-ins, masks, errors, odd files, many files; reloading without a trace.
pid=$(main_pid)
always='process-thread-count >= 1 for 1s'
vendor=/usr/lib/cprof/policies.d
mkdir -p $POLICIES $vendor
idle steady
idle other
idle asleep
policy steady steady.service 'process-thread-count >= 1 for 300s'
policy other other.service "$always" Duration=60s Silence=1h
policy asleep asleep.service "$always" Duration=1s Silence=1h
poll 5 policy_is asleep loaded

drop_in() {
        mkdir -p $POLICIES/steady.policy.d && printf '[Policy]\nDuration=7s\n' >$POLICIES/steady.policy.d/10-time.conf
        poll 5 eval 'equal "$(policy_field steady .duration_usec)" 7000000' || return 1
        printf '[Policy]\nTriggers=\n[Trigger]\nWhen=process-cpu >= 99%% for 3s\n' >$POLICIES/steady.policy.d/20-other.conf
        poll 5 eval 'equal "$(policy_field steady ".triggers[]")" "process-cpu >= 99% for 3s"' || return 1
        ln -s /dev/null $POLICIES/steady.policy.d/.new && mv $POLICIES/steady.policy.d/.new $POLICIES/steady.policy.d/20-other.conf
        poll 5 eval 'policy_field steady ".triggers[0]" | grep -q thread-count' || return 1
        cprofctl policy show steady | grep -q '^# .*/10-time.conf'
}
check 'drop-ins change a policy, a masked one does not' drop_in

masks() {
        printf '[Policy]\nUnit=v.service\n[Trigger]\nWhen=process-cpu >= 50%%\n' >$vendor/vendor.policy
        cprofctl reload && policy_is vendor loaded && equal "$(policy_field vendor .source)" vendor || return 1
        refused 'mask it instead' cprofctl policy remove vendor || return 1
        cprofctl policy mask vendor && policy_is vendor masked && [ -L $POLICIES/vendor.policy ] || return 1
        cprofctl policy unmask vendor && policy_is vendor loaded || return 1
        ln -s /dev/null $POLICIES/vendor.policy && poll 5 policy_is vendor masked || return 1
        rm $POLICIES/vendor.policy && poll 5 policy_is vendor loaded
}
check 'masks by cprofctl and by a link take a policy of a package out of force' masks

spelled_wrong() {
        printf '[Policy]\nUnti=broken.service\n[Trigger]\nWhen=process-cpu >= 50%%\n' >$POLICIES/broken.policy
        poll 5 policy_is broken error &&
                policy_field broken .message | grep -F "$POLICIES/broken.policy:2: Unti=broken.service: " | grep -F 'did you mean Unit' &&
                property Problems | grep -F 'broken.policy:2' && cprofctl status | grep -F 'broken.policy:2' &&
                cprofctl policy list --no-pager | grep broken && journalctl --sync &&
                journalctl -q MESSAGE_ID=3d5f7a91b2c44e6887a9cbed0f214365 | grep -qF 'broken.policy:2' && policy_is steady loaded
}
check 'a misspelt key: file, line and what was meant, everywhere; the others stay' spelled_wrong

last_good() {
        local id
        id=$(tasks '.unit == "other.service"')
        sed -i 's/^Duration=.*/Duration=sixty/' $POLICIES/other.policy
        poll 5 policy_is other stale && policy_field other .message | grep -F 'other.policy:3: Duration=sixty' &&
                equal "$(policy_field other .duration_usec)" 60000000 && task_is "$id" running &&
                sed -i 's/^Duration=.*/Duration=60s/' $POLICIES/other.policy && poll 5 policy_is other loaded
}
poll 8 n_tasks_is '.unit == "other.service"' 1
check 'a file that breaks leaves its last good version in force' last_good

check_option() {
        refused "$POLICIES/broken.policy:2: Unti=broken.service" cprofd --check && refused 'check failed: 1 problem' cprofd --check || return 1
        mkdir -p /etc/cprof/cprofd.conf.d && printf '[Profile]\nOnCpuHertz=99\n' >/etc/cprof/cprofd.conf.d/x.conf
        refused 'x.conf:2: ' cprofd --check && refused 'did you mean OnCpuHz' cprofd --check || return 1
        rm /etc/cprof/cprofd.conf.d/x.conf $POLICIES/broken.policy
        cprofd --check >/tmp/checked 2>&1 && grep -q 'check is successful' /tmp/checked
}
check 'cprofd --check says it like the daemon, and by its exit status' check_option

odd_files() {
        head -c 300000 /dev/zero | tr '\0' '#' >$POLICIES/huge.policy
        printf '[Policy]\nUnit=cut.service\n[Trig' >$POLICIES/cut.policy
        printf '[Policy]\nDescription=\xff\xfe\nUnit=x.service\n[Trigger]\nWhen=process-cpu >= 5%%\n' >$POLICIES/latin.policy
        head -c 4096 /dev/urandom >$POLICIES/random.policy
        ln -s loop-b.policy $POLICIES/loop-a.policy && ln -s loop-a.policy $POLICIES/loop-b.policy
        ln -s /nowhere $POLICIES/dangling.policy
        mkfifo $POLICIES/fifo.policy
        mkdir $POLICIES/directory.policy
        : >$POLICIES/empty.policy
        printf 'x' >"$POLICIES/bad name!.policy"
        poll 5 policy_is random error || return 1
        local name
        for name in huge cut latin loop-a loop-b dangling fifo directory; do
                policy_is $name error && policy_field $name .message | grep -F "$name.policy" || return 1
        done
        policy_is empty masked && policy_is steady loaded && policy_is other loaded && policy_is asleep loaded
}
check 'huge, cut, binary, looping and special files are errors of their own only' odd_files
check '… which the status lists' eval 'cprofctl status | grep -F "bad name!.policy"'
find $POLICIES -mindepth 1 -not -name 'steady*' -not -name other.policy -not -name asleep.policy -not -path '*/steady.policy.d/*' -delete
check 'and are forgotten when they are gone' poll 5 eval 'property Problems | grep -qx "as 0"'

many() {
        local i
        mkdir /tmp/many
        for i in $(seq -w 2000); do printf '[Policy]\nUnit=many-%s.service\n[Trigger]\nWhen=process-cpu >= 50%%\n' "$i" >/tmp/many/many-$i.policy; done
        cp /tmp/many/*.policy $POLICIES
        poll 10 eval 'equal "$(property NPolicies)" "u 2004"' && policy_is many-1999 loaded &&
                idle many-0042 && poll 5 eval 'equal "$(policy_field many-0042 .watched)" 1' &&
                rm $POLICIES/many-*.policy && poll 10 eval 'equal "$(property NPolicies)" "u 4"'
}
check '2000 policies come and go' many
check '… without harm to the service' alive_since "$pid"

# Everything that a reload could reset
state() {
        printf '%s %s %s %s\n' "$(tasks '.unit == "other.service" and .state == "running"')" \
                "$(tasks '.unit == "asleep.service"' | grep -c .)" "$(main_pid)" "$(policy_field steady .duration_usec)"
}
hits() {
        window_field steady.service '.policy == "steady"' .hits
}
# The window has something to lose: the tests before may have taken less time than that.
has_hits() {
        [ "$(hits)" -ge 5 ]
}
resets_nothing() { # COMMAND…
        local before hits
        poll 10 has_hits || return 1
        before=$(state) hits=$(hits)
        echo "before: $before, $hits hits"
        "$@" && poll 5 eval "[ \$(hits) -gt $hits ]" && equal "$(state)" "$before" || return 1
        [ "$(hits)" -ge "$hits" ] || return 1
        # silence goes on counting down from an hour, and is in force
        [ "$(window_field asleep.service '.policy == "asleep"' .silence_left_usec)" -gt 3000000000 ]
}
same_again() {
        local f
        for f in steady other asleep; do
                { echo '# the same with a comment'; cat $POLICIES/$f.policy; } >/tmp/same && cp /tmp/same $POLICIES/$f.policy
        done
        touch $POLICIES/*.policy
        sleep 1.5 # it is not told when nothing changed
}
check 'systemctl reload resets no window, no task, no silence' resets_nothing systemctl reload cprofd
check 'nor do files that mean the same' resets_nothing same_again
check 'nor does Reload' resets_nothing call Reload
changed() {
        sed -i 's/300s/200s/' $POLICIES/steady.policy && poll 5 eval '[ "$(window_field steady.service true .period_sec)" = 200 ]'
}
check 'a file that means something else does' changed
check 'policies: the daemon is the one that was started' alive_since "$pid"
