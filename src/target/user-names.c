/* SPDX-License-Identifier: Apache-2.0 */
#include "target/user-names.h"

#include "basic/hash.h"

#include <pwd.h>

#define USER_NAME_SIZE 256U      /* with NUL; useradd(8) allows 32 */
#define PASSWD_ENTRY_SIZE 16384U /* all fields of one entry; larger ones count as unnamed */

typedef struct UserName {
        uid_t uid;
        char name[USER_NAME_SIZE];
        UT_hash_handle hh;
} UserName;

struct UserNames {
        UserName *by_uid;
        UserName last; /* answer when there was no memory to remember it */
};

int user_names_new(UserNames **ret) {
        UserNames *n;

        assert(ret);

        n = calloc(1, sizeof(*n));
        if (!n)
                return -ENOMEM;

        *ret = n;
        return 0;
}

UserNames *user_names_free(UserNames *n) {
        if (!n)
                return NULL;

        user_names_forget(n);
        free(n);
        return NULL;
}

void user_names_forget(UserNames *n) {
        UserName *u, *next;

        assert(n);

        HASH_ITER(hh, n->by_uid, u, next) {
                HASH_DEL(n->by_uid, u);
                free(u);
        }
}

static void look_up(uid_t uid, UserName *ret) {
        _cleanup_(freep) char *buffer = malloc(PASSWD_ENTRY_SIZE);
        struct passwd entry, *found = NULL;

        *ret = (UserName){ .uid = uid };
        if (!buffer)
                return;

        /* On any failure the user has no name: rules by number go on working. */
        if (getpwuid_r(uid, &entry, buffer, PASSWD_ENTRY_SIZE, &found) == 0 && found)
                (void) snprintf(ret->name, sizeof(ret->name), "%s", found->pw_name);
}

const char *user_names_get(UserNames *n, uid_t uid) {
        UserName *u;

        assert(n);

        HASH_FIND(hh, n->by_uid, &uid, sizeof(uid), u);
        if (u)
                return u->name;

        if (HASH_COUNT(n->by_uid) >= USER_NAMES_MAX)
                user_names_forget(n);

        look_up(uid, &n->last);

        u = malloc(sizeof(*u));
        if (!u)
                return n->last.name;

        *u = n->last;
        HASH_ADD(hh, n->by_uid, uid, sizeof(u->uid), u);
        if (!HASH_ADDED(u))
                free(u);

        return n->last.name;
}
