-- SPDX-License-Identifier: Apache-2.0
-- /slow of apache.conf.
function handle(request)
        request:sleep(0.010)
        request:puts("late\n")
        return apache2.OK
end
