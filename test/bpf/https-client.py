# SPDX-License-Identifier: Apache-2.0
"""https-client.py PORT CONNECTIONS REQUESTS: prints how many answers it got, of "/a" and of status 5xx."""
import http.client
import ssl
import sys

port, n_connections, n_requests = (int(a) for a in sys.argv[1:])
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE
total = n_a = n_error = 0
for _ in range(n_connections):
    connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=10)
    for i in range(n_requests):
        uri = "/error" if i % 5 == 4 else "/a"
        connection.request("GET", uri)
        answer = connection.getresponse()
        answer.read()
        total += 1
        n_a += uri == "/a"
        n_error += answer.status >= 500
    connection.close()
print(total, n_a, n_error)
