# SPDX-License-Identifier: Apache-2.0
# Names of a stripped program from a debuginfod server, and none from one that has none.
mkdir -p /srv/www /srv/p /etc/cprof/cprofd.conf.d
cc -D_GNU_SOURCE -O2 -g -fno-optimize-sibling-calls -pthread -Wl,--build-id=sha1 -o /srv/p/known /cprof/test/system/workload.c
objcopy --only-keep-debug /srv/p/known /srv/p/known.debug
strip --strip-all /srv/p/known
cc -D_GNU_SOURCE -O2 -pthread -s -Wl,--build-id=0x0123456789abcdef0123456789abcdef01234567 -o /srv/p/unknown /cprof/test/system/workload.c
known=$(readelf -n /srv/p/known | sed -n 's/.*Build ID: //p')
mkdir -p "/srv/www/buildid/$known"
mv /srv/p/known.debug "/srv/www/buildid/$known/debuginfo"
systemd-run --quiet --unit=server sh -c 'cd /srv/www && exec python3 -u -m http.server --bind 127.0.0.1 8002 2>>/srv/log'
systemd-run --quiet --unit=known /srv/p/known 0 0
systemd-run --quiet --unit=unknown /srv/p/unknown 0 0
poll 10 python3 -c 'import urllib.request as u; u.urlopen("http://127.0.0.1:8002/")'
: >/srv/log
is_listed() {
        poll 10 eval 'call ListUnits | grep -q unknown.service'
}
is_listed
pid=$(main_pid)

profile() { # UNIT
        id=$(cprofctl profile "$1" --duration 2s --no-wait) && poll 30 task_is "$id" finished && poll 20 test -s "$TASKS/$id/profile.pb.gz" &&
                cprofctl task export --format=folded -o - "$id" >/tmp/folded && head -3 /tmp/folded
}
off() {
        profile known && ! grep -q resize_images /tmp/folded && ! grep -q . /srv/log
}
check 'nobody is asked unless that is configured' off

printf '[Symbols]\nDebuginfod=yes\nDebuginfodUrls=http://127.0.0.1:8002\n' >/etc/cprof/cprofd.conf.d/symbols.conf
systemctl restart cprofd
pid=$(main_pid)
is_listed
named() {
        profile known && cat /srv/log && find /var/cache/cprof -type f && grep -q 'handle_request;resize_images [0-9]' /tmp/folded
}
check 'the functions of a stripped program have the names that a server knows' named
kept() {
        local n
        n=$(grep -c "$known" /srv/log)
        profile known && grep -q resize_images /tmp/folded && equal "$(grep -c "$known" /srv/log)" "$n" && [ -s "/var/cache/cprof/debug/.build-id/${known:0:2}/${known:2}.debug" ]
}
check '… the file is kept' kept
none_kept() {
        profile unknown && profile unknown && cat /srv/log && equal "$(grep -c ' 404 ' /srv/log)" 1 &&
                [ -f /var/cache/cprof/debug/.build-id/01/23456789abcdef0123456789abcdef01234567.none ]
}
check '… and that there was none for others is remembered' none_kept

systemctl kill -s STOP server # takes connections and says nothing
silent() {
        local begin=$SECONDS
        rm -rf /var/cache/cprof/debug && profile known && echo "$((SECONDS - begin)) s" && [ $((SECONDS - begin)) -lt 20 ] && ! grep -q resize_images /tmp/folded
}
check 'a server that does not answer costs a task ten seconds, and its names' silent
check 'the daemon lives on' alive_since "$pid"
