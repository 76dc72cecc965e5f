/* SPDX-License-Identifier: Apache-2.0 */
#include "cprof-config.h"

#include "ctl/ctl-bus.h"
#include "ctl/pager.h"
#include "ctl/verbs.h"
#include "ctl/view.h"

#include "basic/log.h"

#include <string.h>

static int run_verb(Ctl *c, const Verb *verb, int argc, char **argv) {
        char name[VERB_NAME_MAX];
        int r;

        r = options_check_groups(&c->options, verb->options, verb_name(verb, name));
        if (r < 0)
                return r;

        if (argc < verb->args_min || argc > verb->args_max) {
                log_error("%s arguments. Usage: cprofctl %s %s",
                          argc < verb->args_min ? "Missing" : "Too many",
                          name,
                          verb->usage);
                return -EINVAL;
        }

        return verb->run(c, argc, argv);
}

static int run(Ctl *c, int argc, char **argv) {
        const Verb *verb = NULL;
        int first, r;

        r = options_parse(argc, argv, &c->options, &first);
        if (r < 0)
                return r;

        if (c->options.version) {
                printf("cprofctl %s\n", CPROF_VERSION);
                return EXIT_SUCCESS;
        }

        argc -= first;
        argv += first;

        if (c->options.help && argc < 2 && !(argc == 1 && verb_is_complete(argv[0]))) {
                pager_open(c);
                verbs_print_help(argc > 0 ? argv[0] : NULL);
                return EXIT_SUCCESS;
        }

        r = verb_find(argc, argv, &verb);
        if (r < 0)
                return r;

        if (c->options.help) {
                verb_print_help(verb);
                return EXIT_SUCCESS;
        }

        return run_verb(c, verb, argc - r, argv + r);
}

int main(int argc, char **argv) {
        Ctl c = {};
        int r;

        ctl_look_at_terminal(&c);

        r = run(&c, argc, argv);

        if (fflush(stdout) != 0 && r >= 0) /* a full disk must not look like success */
                r = log_error_errno(errno, "Failed to write: %m");
        pager_close(&c);
        (void) sd_bus_flush_close_unref(c.bus);

        return r < 0 ? EXIT_FAILURE : r;
}
