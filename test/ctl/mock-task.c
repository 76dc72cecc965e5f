/* SPDX-License-Identifier: Apache-2.0 */
/* The stand-in daemon's tasks and profiles. */
#include "mock-task.h"

#include "mock-cprofd.h"

#include "basic/cleanup.h"
#include "bus/bus-names.h"

#include <fcntl.h>
#include <string.h>

int mock_method_start_task(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Mock *mock = userdata;
        const char *unit, *kinds;
        uint64_t duration;
        unsigned pid;
        int r;

        r = sd_bus_message_read(m, "sstu", &unit, &kinds, &duration, &pid);
        if (r < 0)
                return r;

        if (strcmp(unit, "late.service") == 0 && mock->n_late++ > 0)
                unit = "nginx.service"; /* known from the second time on */
        if (strcmp(unit, "nginx.service") != 0)
                return sd_bus_error_setf(error, CPROF_BUS_ERROR_NO_SUCH_UNIT, "No unit '%s'.", unit);
        if (duration != UINT64_C(2000000))
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "Bad duration.");
        if (strcmp(kinds, "on-cpu off-cpu") == 0)
                return sd_bus_reply_method_return(m, "s", MOCK_TASK_BOTH);
        if (strcmp(kinds, "on-cpu") != 0)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "Bad kinds '%s'.", kinds);

        return sd_bus_reply_method_return(m, "s", MOCK_TASK_NEW);
}

int mock_method_list_tasks(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return sd_bus_reply_method_return(
                        m,
                        "a" CPROF_BUS_TASK_SIGNATURE,
                        1,
                        MOCK_TASK_OLD,
                        "finished",
                        "nginx.service",
                        "nginx#2",
                        812,
                        "on-cpu",
                        "web",
                        "process-cpu >= 80% for 5 of 10s",
                        "duration reached",
                        UINT64_C(1795230605000000),
                        UINT64_C(1795231205000000),
                        UINT64_C(600000000),
                        UINT64_C(0),
                        UINT64_C(1188));
}

static const char old_task[] =
                "{\"format\":1,\"id\":\"" MOCK_TASK_OLD "\",\"kind\":\"on-cpu\",\"state\":\"finished\","
                "\"reason\":\"duration reached\",\"unit\":\"nginx.service\",\"process\":\"nginx#2\",\"pid\":812,"
                "\"exe\":\"/usr/sbin/nginx\",\"n_samples\":1188,\"duration_usec\":600000000,"
                "\"slot_end_monotonic_usec\":1000000,\"decided_monotonic_usec\":1000800,"
                "\"started_monotonic_usec\":1001000,\"started_realtime_usec\":1795230605000000,"
                "\"ended_monotonic_usec\":601001000,\"first_sample_monotonic_usec\":1009900,"
                "\"losses\":{\"ring_full\":3,\"no_user_stack\":0},"
                "\"causes\":[{\"policy\":\"web\",\"metric\":\"process-cpu\",\"process\":\"nginx#2\",\"pid\":812,"
                "\"rule\":\"process-cpu >= 80% for 5 of 10s\",\"value\":97.5,\"peak\":99.5,\"hits\":5,"
                "\"period_sec\":10,\"count\":5,\"threshold\":80}]}\n";

static const char task_of_both_kinds[] =
                "{\"format\":1,\"id\":\"" MOCK_TASK_BOTH "\",\"kinds\":[\"on-cpu\",\"off-cpu\"],"
                "\"state\":\"finished\",\"reason\":\"duration reached\",\"unit\":\"nginx.service\",\"pid\":0,"
                "\"n_samples\":700,\"started_monotonic_usec\":9000000,\"kernel_path\":\"eh-frame\","
                "\"thinned\":\"every second sample only\","
                "\"oap_tasks\":[{\"kind\":\"on-cpu\",\"id\":\"8f3c\"},{\"kind\":\"off-cpu\",\"refused\":\"no answer\"}],"
                "\"offcpu\":{\"switches\":345,\"nsec\":12000000000,\"sleep_nsec\":11000000000,\"disk_nsec\":1000000000,"
                "\"max_nsec\":5000000000,\"rate_limited\":6,\"run_queue_nsec\":2000000000},"
                "\"before\":{\"samples\":60,\"first_sample_monotonic_usec\":5000000},"
                "\"quality\":{\"stacks_user\":700,\"frames\":1000,\"frames_named\":750},"
                "\"ends\":{\"root\":600,\"frame_pointer\":93,\"no_mapping\":7},"
                "\"cost\":{\"daemon_cpu_nsec\":1500000000,\"bpf_nsec\":20000000,\"wall_nsec\":1,"
                "\"host_share_ppm\":3000},"
                "\"causes\":[{\"policy\":\"slow\",\"metric\":\"http-avg-response-time\",\"process\":\"\",\"pid\":0,"
                "\"rule\":\"http-avg-response-time >= 250ms for 10 of 30s on /50%/a\",\"uri\":\"/50%/a\","
                "\"value\":412.5,\"peak\":999,\"hits\":10,\"period_sec\":30,\"count\":10,\"threshold\":250}]}\n";

int mock_method_get_task(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Mock *mock = userdata;
        char text[512];
        const char *id;
        int r;

        r = sd_bus_message_read(m, "s", &id);
        if (r < 0)
                return r;

        if (strcmp(id, MOCK_TASK_OLD) == 0 || strcmp(id, "latest") == 0)
                return sd_bus_reply_method_return(m, "s", old_task);
        if (strcmp(id, MOCK_TASK_BOTH) == 0)
                return sd_bus_reply_method_return(m, "s", task_of_both_kinds);
        if (strcmp(id, MOCK_TASK_NEW) != 0)
                return sd_bus_error_setf(error, CPROF_BUS_ERROR_NO_SUCH_TASK, "No task '%s'.", id);

        mock->n_looks++;
        snprintf(text,
                 sizeof(text),
                 "{\"id\":\"" MOCK_TASK_NEW "\",\"kind\":\"on-cpu\",\"state\":\"%s\",\"reason\":\"%s\","
                 "\"unit\":\"nginx.service\",\"duration_usec\":2000000,\"n_samples\":%u}",
                 mock->stopped                       ? "stopped"
                                 : mock->n_looks < 3 ? "running"
                                                     : "finished",
                 mock->n_looks < 3 ? "" : "duration reached",
                 mock->n_looks * 10);
        return sd_bus_reply_method_return(m, "s", text);
}

int mock_method_stop_task(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Mock *mock = userdata;

        mock->stopped = true;
        return sd_bus_reply_method_return(m, NULL);
}

/* The profile of the new task is refused once, as one that is still being written. */
int mock_method_get_profile(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        static const struct {
                const char *format, *text;
        } texts[] = {
                { "pprof", "not really pprof" },
                { "folded", "nginx;main;work;hot 90\nnginx;main;work 7\nnginx;main 3\n" },
                { "before-folded", "nginx;main;work;hot 2\nnginx;main;idle 2\nnginx;main 1\n" },
                { "folded-waits",
                  "nginx;main;read;ksys_read_[k];[sleep] 1400000\nnginx;main;read;[disk] 100000\n" },
                { "folded-offcpu", "nginx;main;read_[k] 1500000\n" },
        };
        _cleanup_(closep) int from = -EBADF, to = -EBADF;
        Mock *mock = userdata;
        const char *id, *format, *text = NULL;
        int fds[2], r;

        r = sd_bus_message_read(m, "ss", &id, &format);
        if (r < 0)
                return r;

        if (strcmp(id, MOCK_TASK_NEW) == 0 && mock->n_profiles++ == 0)
                return sd_bus_error_setf(error, CPROF_BUS_ERROR_TASK_RUNNING, "Being written.");

        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                if (strcmp(texts[i].format, format) == 0)
                        text = texts[i].text;
        if (!text || (strcmp(id, MOCK_TASK_NEW) == 0 && strcmp(format, "before-folded") == 0))
                return sd_bus_error_setf(error, CPROF_BUS_ERROR_NO_PROFILE, "No such part.");

        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        from = fds[0];
        to = fds[1];

        if (write(to, text, strlen(text)) < 0)
                return -errno;

        return sd_bus_reply_method_return(m, "h", from);
}

int mock_method_get_hottest(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        uint64_t span_usec;
        const char *unit;
        unsigned max;
        int r;

        r = sd_bus_message_read(m, "stu", &unit, &span_usec, &max);
        if (r < 0)
                return r;

        if (strcmp(unit, "nginx.service") != 0)
                return sd_bus_error_setf(error, CPROF_BUS_ERROR_NOT_SUPPORTED, "The recorder is off.");

        return sd_bus_reply_method_return(
                        m,
                        "tta" CPROF_BUS_FUNCTION_SIGNATURE,
                        UINT64_C(10000000),
                        UINT64_C(200),
                        2,
                        "deflate(\033[2J)",
                        UINT64_C(150),
                        UINT64_C(150),
                        "main",
                        UINT64_C(0),
                        UINT64_C(200));
}
