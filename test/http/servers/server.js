// SPDX-License-Identifier: Apache-2.0
'use strict';
// server.js PORT LOG [CERTIFICATE KEY]: the paths that test/http/load.py asks for, by Node. One line in LOG for each answer:
// STATUS METHOD TARGET MICROSECONDS.
const fs = require('fs');
const [port, logPath, certificate, key] = process.argv.slice(2);
const log = fs.openSync(logPath, 'w');
let lines = '';

setInterval(() => {
  if (lines) {
    fs.writeSync(log, lines);
    lines = '';
  }
}, 100);

function text(res, status, body) {
  res.writeHead(status, {'Content-Length': Buffer.byteLength(body)});
  res.end(body);
}

const answers = {
  '/api/orders': (res) => text(res, 200, 'served\n'),
  '/static/app.js': (res) => text(res, 200, 'served\n'),
  '/post': (res) => text(res, 200, 'served\n'),
  '/err': (res) => text(res, 500, 'broken\n'),
  '/busy': (res) => text(res, 503, 'busy\n'),
  '/empty': (res) => res.writeHead(204).end(),
  '/cached': (res) => res.writeHead(304).end(),
  '/big': (res) => text(res, 200, 'x'.repeat(200000)),
  '/chunked': (res) => {
    res.writeHead(200);
    for (let i = 0; i < 3; i++) res.write('HTTP/1.1 500 piece ' + i + '\r\n\r\n');
    res.end();
  },
};

function handle(req, res) {
  const start = process.hrtime.bigint();
  const path = req.url.split('?')[0];
  let delay = 0;
  if (path === '/delay') delay = 5;
  if (path === '/slow') delay = 10;

  function finish() {
    if (delay) text(res, 200, 'late\n');
    else if (path.startsWith('/api/items/')) text(res, 200, 'served\n');
    else if (answers[path]) answers[path](res);
    else text(res, 404, 'nothing\n');
    const usec = (process.hrtime.bigint() - start) / 1000n;
    lines += `${res.statusCode} ${req.method} ${req.url} ${usec}\n`;
  }

  req.resume();
  req.on('end', () => (delay ? setTimeout(finish, delay) : finish()));
}

const options = certificate ? {cert: fs.readFileSync(certificate), key: fs.readFileSync(key)} : {};
const server = require(certificate ? 'https' : 'http').createServer(options, handle);
server.keepAliveTimeout = 60000;
server.listen(Number(port), '127.0.0.1');
