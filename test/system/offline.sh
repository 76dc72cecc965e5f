# SPDX-License-Identifier: Apache-2.0
# What can be said of the packages and the unit without a running systemd.
. test/system/lib.sh
deb=$(echo build/packages/cprofd_*.deb) rpm=$(echo build/packages/cprofd-*.rpm)
root=$PWD/build/system/root
dpkg-deb -x "$deb" "$root"
unit=$(find "$root" -name cprofd.service -path '*systemd*')

quiet_lintian() {
        lintian --profile debian --fail-on error,warning "$deb" && [ -z "$(lintian --profile debian "$deb")" ]
}
check 'lintian has nothing to say about the deb' quiet_lintian

deb_depends() {
        dpkg-deb -f "$deb" Depends | tee /dev/stderr | grep libbpf1 | grep libsystemd0 | grep -q dbus
}
check 'the deb depends on what it links' deb_depends

rpm_contents() {
        rpm -qp --requires "$rpm" | tee /tmp/requires && grep -q '^libbpf.so.1' /tmp/requires && grep -q '^systemd >= 252' /tmp/requires &&
                rpm -qp --scripts "$rpm" >/tmp/scripts && grep -q 'cprofd.service' /tmp/scripts && ! grep -q '%' /tmp/scripts &&
                grep -q '^preuninstall' /tmp/scripts && rpm -qp --configfiles "$rpm" | grep -qx /etc/cprof/cprofd.conf
}
check 'the rpm has requirements, expanded scripts and its configuration marked' rpm_contents

# Without what only one of them has by its own rules
files_below() {
        (cd "$1" && find . -type f -o -type l) | sed -e 's,^\./lib/systemd,./usr/lib/systemd,' -e 's,\.gz$,,' |
                grep -v -e '/doc/cprofd/copyright' -e '/doc/cprofd/changelog' -e '/lintian/' -e '^./var/lib/rpm/' | sort
}
same_files() {
        mkdir -p "$root-rpm" && rpm -i --root "$root-rpm" --nodeps --noscripts --ignorearch --dbpath /var/lib/rpm "$rpm" || return 1
        files_below "$root" >/tmp/files-deb
        files_below "$root-rpm" >/tmp/files-rpm
        wc -l /tmp/files-deb && diff /tmp/files-deb /tmp/files-rpm && "$root-rpm/usr/sbin/cprofd" --version
}
check 'deb and rpm install the same files' same_files

verified() {
        local said
        mkdir -p build/system/unit
        sed "s,^ExecStart=/usr,ExecStart=$root/usr," "$unit" >build/system/unit/cprofd.service
        said=$(SYSTEMD_UNIT_PATH=$PWD/build/system/unit: systemd-analyze verify --man=no "$PWD/build/system/unit/cprofd.service" 2>&1) &&
                equal "$(grep cprofd <<<"$said")" ''
}
check 'systemd-analyze verify finds nothing in the unit' verified
check 'systemd-analyze security: exposure below 4' systemd-analyze security --offline=true --threshold=40 --no-pager "$unit"

check_root() {
        mkdir -p "$root/etc/cprof/policies.d"
        cp "$root"/usr/share/doc/cprofd/examples/example.policy "$root/etc/cprof/policies.d/" 2>/dev/null ||
                zcat "$root"/usr/share/doc/cprofd/examples/example.policy.gz >"$root/etc/cprof/policies.d/example.policy"
        "$root/usr/sbin/cprofd" --check --root="$root"
}
check 'the shipped configuration and example pass cprofd --check --root' check_root
manuals() {
        local page
        for page in "$root"/usr/share/man/man*/*; do
                equal "$(LC_ALL=C.UTF-8 MANROFFSEQ='' MANWIDTH=80 man --warnings -l "$page" 2>&1 >/dev/null)" '' || return 1
        done
}
check 'manual pages format without warnings' manuals
tap '# complete'
