#include "reconciler/run/relies.h"

#include "spec/base/text.h"
#include "spec/world.h"

static const struct service_spec *spec_of(const struct desired *desired, const char *key)
{
    const struct desired_service *service = desired_service(desired, key);

    return service == NULL ? NULL : service->goal->target->spec;
}

bool relies_on_service(const struct desired *desired, const char *key, const char *on)
{
    const struct service_spec *spec = spec_of(desired, key);

    for (size_t i = 0; spec != NULL && i < spec->depends_on_count; i++) {
        const struct desired_service *other = desired_dependency(desired, spec->depends_on[i]);

        if (other != NULL && text_equal(other->key, on))
            return true;
    }
    return false;
}

bool relies_on_balancer(const struct desired *desired, const char *key, const char *on)
{
    const struct service_spec *spec = spec_of(desired, key);

    for (size_t i = 0; spec != NULL && i < spec->load_balancers_count; i++) {
        if (text_equal(spec->load_balancers[i].load_balancer, on + sizeof(BALANCER_KEY) - 1))
            return true;
    }
    return false;
}
