// SPDX-License-Identifier: Apache-2.0
const fs = require('fs');
const https = require('https');

const options = { key: fs.readFileSync('key.pem'), cert: fs.readFileSync('cert.pem') };
const server = https.createServer(options, (request, answer) => {
        answer.writeHead(request.url === '/error' ? 503 : 200);
        answer.end('hello\n'.repeat(1000));
});

server.listen(0, '127.0.0.1', () => {
        fs.writeFileSync('port.new', `${server.address().port}\n`);
        fs.renameSync('port.new', 'port');
});
