/* SPDX-License-Identifier: Apache-2.0 */
#include "java-process.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(java_process, .timeout = 10);

#define TEXT(s) s, sizeof(s) - 1

Test(java_process, frame_pointers_are_told_by_options) {
        static const struct {
                const char *cmdline;
                size_t cmdline_size;
                const char *environment;
                size_t environment_size;
                bool keeps;
        } rows[] = {
                { TEXT("java\0-XX:+PreserveFramePointer\0Main\0"), TEXT(""), true },
                { TEXT("java\0-cp\0/srv/x.jar\0-XX:+PreserveFramePointer\0Main\0"), TEXT(""), true },
                { TEXT("java\0@opts\0-XX:+PreserveFramePointer\0-jar\0x.jar\0"), TEXT(""), true },
                { TEXT("java\0Main\0"),
                  TEXT("PATH=/bin\0JAVA_TOOL_OPTIONS=-Xmx1g -XX:+PreserveFramePointer\0"),
                  true },
                { TEXT("java\0Main\0"), TEXT("JDK_JAVA_OPTIONS=\"-XX:+PreserveFramePointer\"\0"), true },
                { TEXT("java\0Main\0"), TEXT("_JAVA_OPTIONS=-XX:+PreserveFramePointer"), true },

                { TEXT("java\0Main\0"), TEXT(""), false },
                { TEXT(""), TEXT(""), false },
                { TEXT("java\0Main\0-XX:+PreserveFramePointer\0"), TEXT(""), false }, /* the program's own */
                { TEXT("java\0-XX:+PreserveFramePointer\0-XX:-PreserveFramePointer\0Main\0"),
                  TEXT(""),
                  false },
                { TEXT("java\0-XX:+PreserveFramePointer\0Main\0"),
                  TEXT("_JAVA_OPTIONS=-XX:-PreserveFramePointer\0"),
                  false },
                { TEXT("java\0-XX:-PreserveFramePointer\0Main\0"),
                  TEXT("JAVA_TOOL_OPTIONS=-XX:+PreserveFramePointer\0"),
                  false },
                { TEXT("java\0Main\0"), TEXT("MY_JAVA_TOOL_OPTIONS=-XX:+PreserveFramePointer\0"), false },
                { TEXT("java\0-XX:+PreserveFramePointers\0Main\0"), TEXT(""), false },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                cr_expect_eq(java_options_keep_frame_pointers(
                                             rows[i].cmdline,
                                             rows[i].cmdline_size,
                                             rows[i].environment,
                                             rows[i].environment_size),
                             rows[i].keeps,
                             "row %zu",
                             i);
}

Test(java_process, only_who_handles_the_signal_is_asked) {
        static const struct {
                const char *status;
                int result;
                pid_t ns_pid;
        } rows[] = {
                { "Name:\tjava\nUid:\t1\t33\t33\t33\nGid:\t1\t34\t34\t34\nNSpid:\t900\t7\nSigCgt:\t2000000181005ccf\n",
                  0,
                  7 },
                { "Name:\tjava\nUid:\t33\t33\t33\t33\nGid:\t1\t34\t34\t34\nNSpid:\t900\nSigCgt:\t0000000000000004\n",
                  0,
                  900 },
                { "Name:\tsleep\nUid:\t33\t33\t33\t33\nGid:\t1\t34\t34\t34\nNSpid:\t900\nSigCgt:\t0000000000000000\n",
                  -ENOTSUP,
                  0 },
                { "Name:\tx\nUid:\t33\t33\t33\t33\nGid:\t1\t34\t34\t34\nNSpid:\t900\nSigCgt:\tfffffffffffffffb\n",
                  -ENOTSUP,
                  0 },
                { "Name:\tjava\nUid:\t33\nGid:\t1\t34\t34\t34\nNSpid:\t900\nSigCgt:\t0000000000000004\n",
                  -EBADMSG,
                  0 },
                { "Name:\tjava\nUid:\t33\t4294967295\t33\t33\nGid:\t1\t34\t34\t34\nNSpid:\t900\nSigCgt:\t4\n",
                  -EBADMSG,
                  0 },
                { "Name:\tjava\nUid:\t33\t33\t33\t33\nGid:\t1\t34\t34\t34\nSigCgt:\t4\n", -EBADMSG, 0 },
                { "", -EBADMSG, 0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                JavaProcess p = { .ns_pid = -1 };

                cr_expect_eq(java_status_parse(rows[i].status, &p), rows[i].result, "row %zu", i);
                if (rows[i].result == 0) {
                        cr_expect_eq(p.ns_pid, rows[i].ns_pid, "row %zu", i);
                        cr_expect_eq(p.uid, 33);
                        cr_expect_eq(p.gid, 34);
                }
        }
}
