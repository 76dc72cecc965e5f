/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON of policies: [{"ServiceName":…,"UUID":…,"Profiling":{"ON_CPU":{"PROCESS_CPU":{"Threshold":"80",
 * "Period":30,"Count":10,"URIList":[…],"URIRegex":…}}}}]. What is bad ends where it is: an item, a service.
 */
#include "oap/oap-command-private.h"

#include "basic/strv.h"

#include <jansson.h>
#include <string.h>

#define POLICIES_JSON_MAX (4U * 1024 * 1024)

static void json_unref(json_t **j) {
        json_decref(*j);
}

static void item_done(OapCheckItem *item) {
        free(item->type);
        free(item->threshold);
        strv_free(item->uris);
        free(item->uri_regex);
}

static void policy_done(OapServicePolicy *p) {
        for (size_t i = 0; i < p->n_items; i++)
                item_done(p->items + i);
        free(p->items);
        free(p->service);
        free(p->uuid);
}

void oap_service_policies_done(OapServicePolicies *p) {
        assert(p);

        for (size_t i = 0; i < p->n_policies; i++)
                policy_done(p->policies + i);
        free(p->policies);
        *p = (OapServicePolicies){};
}

/* A text of at most @max bytes, without NUL inside; absent and null are @absent, which may be NULL. */
static int get_text(const json_t *object, const char *key, size_t max, const char *absent, char **ret) {
        const json_t *value = json_object_get(object, key);
        const char *text = absent;

        if (json_is_string(value)) {
                text = json_string_value(value);
                if (json_string_length(value) > max || strlen(text) != json_string_length(value))
                        return -EBADMSG;
        } else if (value && !json_is_null(value))
                return -EBADMSG;

        if (!text)
                return 0;

        *ret = strdup(text);
        return *ret ? 0 : -ENOMEM;
}

/* Numbers beyond what a policy can have are as bad as texts: the reader of items says so. */
static int64_t get_number(const json_t *object, const char *key) {
        const json_t *value = json_object_get(object, key);

        return json_is_integer(value) ? json_integer_value(value) : -1;
}

static int get_uris(const json_t *object, char ***ret) {
        const json_t *list = json_object_get(object, "URIList"), *uri;
        size_t i;
        int r;

        if (!list || json_is_null(list))
                return 0;
        if (!json_is_array(list) || json_array_size(list) > OAP_URIS_MAX)
                return -EBADMSG;

        json_array_foreach(list, i, uri) {
                if (!json_is_string(uri) || strlen(json_string_value(uri)) != json_string_length(uri))
                        return -EBADMSG;

                r = strv_push(ret, strdup(json_string_value(uri)));
                if (r < 0)
                        return r;
        }

        return 0;
}

static int get_item(OapTarget target, const char *type, const json_t *object, OapCheckItem *item) {
        int r;

        if (!json_is_object(object))
                return -EBADMSG;

        item->target = target;
        item->period_sec = get_number(object, "Period");
        item->count = get_number(object, "Count");
        item->type = strdup(type);
        if (!item->type)
                return -ENOMEM;

        r = get_text(object, "Threshold", 64, "", &item->threshold);
        if (r >= 0)
                r = get_uris(object, &item->uris);
        if (r >= 0)
                r = get_text(object, "URIRegex", OAP_COMMANDS_BYTES_MAX, NULL, &item->uri_regex);
        if (r >= 0 && item->uri_regex && item->uri_regex[0] == '\0') {
                free(item->uri_regex);
                item->uri_regex = NULL;
        }

        return r;
}

static int add_item(OapServicePolicy *p, OapTarget target, const char *type, const json_t *object) {
        OapCheckItem item = {}, *grown;
        int r;

        r = get_item(target, type, object, &item);
        if (r == -EBADMSG)
                p->n_refused++;
        if (r < 0) {
                item_done(&item);
                return r == -EBADMSG ? 0 : r;
        }

        grown = reallocarray(p->items, p->n_items + 1, sizeof(grown[0]));
        if (!grown) {
                item_done(&item);
                return -ENOMEM;
        }

        p->items = grown;
        p->items[p->n_items++] = item;
        return 0;
}

static int get_target(OapServicePolicy *p, OapTarget target, json_t *items) {
        const char *type;
        json_t *item;
        int r;

        if (!json_is_object(items) || json_object_size(items) > OAP_ITEMS_MAX) {
                p->n_refused++;
                return 0;
        }

        json_object_foreach(items, type, item) {
                r = add_item(p, target, type, item);
                if (r < 0)
                        return r;
        }

        return 0;
}

/* -EBADMSG: the service as a whole can't be read. Targets of other names are none of ours. */
static int get_policy(const json_t *object, OapServicePolicy *p) {
        json_t *profiling = json_object_get(object, "Profiling");
        int r;

        r = get_text(object, "ServiceName", OAP_ID_MAX, NULL, &p->service);
        if (r >= 0)
                r = get_text(object, "UUID", OAP_ID_MAX, "", &p->uuid);
        if (r < 0)
                return r;
        if (!p->service || p->service[0] == '\0')
                return -EBADMSG;

        if (!profiling || json_is_null(profiling))
                return 0;
        if (!json_is_object(profiling))
                return -EBADMSG;

        for (OapTarget t = 0; t < _OAP_TARGET_MAX; t++) {
                json_t *items = json_object_get(profiling, oap_target_to_string(t));

                r = items && !json_is_null(items) ? get_target(p, t, items) : 0;
                if (r < 0)
                        return r;
        }

        return 0;
}

static int get_policies(const json_t *list, OapServicePolicies *ret) {
        json_t *object;
        size_t i;
        int r;

        ret->policies = calloc(json_array_size(list) ?: 1, sizeof(ret->policies[0]));
        if (!ret->policies)
                return -ENOMEM;

        json_array_foreach(list, i, object) {
                OapServicePolicy p = {};

                r = get_policy(object, &p);
                if (r < 0) {
                        policy_done(&p);
                        if (r != -EBADMSG)
                                return r;
                        ret->n_refused++;
                        continue;
                }

                ret->policies[ret->n_policies++] = p;
        }

        return 0;
}

static int read_json(const char *text, OapServicePolicies *ret, char **reterr_message) {
        _cleanup_(json_unref) json_t *list = NULL;
        json_error_t error;
        size_t n = strlen(text);

        if (n > POLICIES_JSON_MAX)
                return oap_refuse(-E2BIG, reterr_message, "policies of %zu bytes", n);

        list = json_loadb(text, n, JSON_ALLOW_NUL, &error);
        if (!list)
                return oap_refuse(
                                -EBADMSG,
                                reterr_message,
                                "policies that are no JSON: %s at byte %i",
                                error.text,
                                error.position);
        if (!json_is_array(list))
                return oap_refuse(-EBADMSG, reterr_message, "policies that are no list");
        if (json_array_size(list) > OAP_SERVICES_MAX)
                return oap_refuse(-E2BIG, reterr_message, "policies of %zu services", json_array_size(list));

        return get_policies(list, ret);
}

int oap_command_policies(const void *message, size_t size, OapServicePolicies *ret, char **reterr_message) {
        _cleanup_(oap_service_policies_done) OapServicePolicies policies = {};
        _cleanup_(commands_freep) Commands *c = NULL;
        const char *json = NULL;
        int r;

        assert(message || size == 0);
        assert(ret);

        r = oap_commands_unpack(message, size, &c, reterr_message);
        if (r < 0)
                return r;

        for (size_t i = 0; i < c->n_commands && !json; i++)
                if (strcmp(c->commands[i]->command, "ContinuousProfilingPolicyQuery") == 0)
                        json = oap_command_argument(c->commands[i], "ServiceWithPolicyJSON");

        r = json ? read_json(json, &policies, reterr_message) : 0;
        if (r < 0)
                return r;

        *ret = policies;
        policies = (OapServicePolicies){};
        return 0;
}
