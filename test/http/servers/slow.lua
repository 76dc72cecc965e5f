-- SPDX-License-Identifier: Apache-2.0
-- /slow of apache.conf: computes, as there is no sleep here.
function handle(request)
        local till = request:clock() + 10000
        while request:clock() < till do
        end
        request:puts("late\n")
        return apache2.OK
end
