/* SPDX-License-Identifier: Apache-2.0 */
#include "bench.h"

#include "basic/cleanup.h"

#include <jansson.h>
#include <time.h>

struct Bench {
        const char *path; /* borrowed, of argv */
        json_t *figures;
};

Bench *bench_open(const char *path) {
        Bench *b = calloc(1, sizeof(*b));

        if (!b)
                abort();

        *b = (Bench){ .path = path, .figures = json_array() };
        if (!b->figures)
                abort();

        return b;
}

void bench_figure(
                Bench *b,
                const char *figure,
                double value,
                const char *unit,
                double goal,
                bool goal_is_max,
                const char *inputs) {
        bool has_goal = !isnan(goal), ok = !has_goal || (goal_is_max ? value <= goal : value >= goal);
        char text[64] = "";

        if (has_goal)
                (void) snprintf(text, sizeof(text), "%s %g", goal_is_max ? "<=" : ">=", goal);

        printf("%s %.6g %s (goal %s) %s\n",
               figure,
               value,
               unit,
               has_goal ? text : "none",
               ok ? "ok" : "MISSED");
        (void) fflush(stdout);

        if (json_array_append_new(
                            b->figures,
                            json_pack("{s:s, s:f, s:s, s:s?, s:b, s:s}",
                                      "figure",
                                      figure,
                                      "value",
                                      value,
                                      "unit",
                                      unit,
                                      "goal",
                                      has_goal ? text : NULL,
                                      "ok",
                                      ok,
                                      "inputs",
                                      inputs)) < 0)
                abort();
}

int bench_close(Bench *b) {
        int r = EXIT_SUCCESS;

        if (b->path && json_dump_file(b->figures, b->path, JSON_INDENT(2) | JSON_REAL_PRECISION(6)) < 0) {
                fprintf(stderr, "Failed to write '%s'.\n", b->path);
                r = EXIT_FAILURE;
        }

        json_decref(b->figures);
        free(b);
        return r;
}

double bench_now_ms(void) {
        struct timespec ts;

        if (clock_gettime(CLOCK_MONOTONIC, &ts) < 0)
                abort();

        return (double) ts.tv_sec * 1e3 + (double) ts.tv_nsec / 1e6;
}

static int compare_doubles(const void *a, const void *b) {
        double x = *(const double *) a, y = *(const double *) b;

        return x < y ? -1 : x > y;
}

double bench_median(double *values, size_t n) {
        assert(n > 0);

        qsort(values, n, sizeof(values[0]), compare_doubles);
        return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}
