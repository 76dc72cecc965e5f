# SPDX-License-Identifier: Apache-2.0
# What the parts of tools/demo inside the throw-away systemd share; sourced.
export SYSTEMD_PAGER='' SYSTEMD_COLORS=0 LANG=C.UTF-8 COLUMNS=110

say() {
        printf '\n$ %s\n' "$*"
}

run() {
        say "$@"
        "$@"
}

install_cprofd() {
        say apt install ./cprofd_*.deb
        apt-get install -y -qq /cprof/build/packages/cprofd_*.deb >/tmp/apt.log 2>&1 || { cat /tmp/apt.log; exit 1; }
        run systemctl enable --now cprofd
}

wait_for_task() { # UNIT: shows its windows until there is one
        for _ in $(seq 40); do
                sleep 1
                cprofctl unit windows "$1" --no-pager --no-legend
                [ -z "$(cprofctl --json=short task list | tr -d '[] \n')" ] || break
        done
}

show_journal() { # UNIT, without .service
        say "journalctl -u cprofd -u $1 MESSAGE_ID=…"
        journalctl --sync 2>/dev/null || true
        journalctl -q -o cat _SYSTEMD_UNIT=cprofd.service "CPROF_UNIT=$1.service" | tee /out/journal.txt
        {
                echo
                journalctl -q -o verbose "CPROF_UNIT=$1.service"
        } >>/out/journal.txt
}

check_evidence() { # FILE…
        local file
        [ "$(find /var/lib/cprof/tasks -name task.json | wc -l)" = 1 ] || { echo 'expected exactly one task' >&2; exit 1; }
        for file; do
                [ -s "/out/$file" ] || { echo "/out/$file is missing" >&2; exit 1; }
        done
}
