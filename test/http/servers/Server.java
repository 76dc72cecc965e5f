// SPDX-License-Identifier: Apache-2.0
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.PrintWriter;
import java.net.InetSocketAddress;
import java.security.KeyStore;
import java.util.Map;
import java.util.concurrent.Executors;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;

/**
 * Server PORT LOG [PKCS12-FILE]: the paths that test/http/load.py asks for, by the JDK's own server. One line in LOG for each answer:
 * STATUS METHOD TARGET MICROSECONDS.
 */
public class Server {
    record Answer(int status, String body) {}

    static final Map<String, Answer> ANSWERS = Map.of(
        "/api/orders", new Answer(200, "served\n"), "/static/app.js", new Answer(200, "served\n"), "/post",
        new Answer(200, "served\n"), "/err", new Answer(500, "broken\n"), "/busy", new Answer(503, "busy\n"), "/empty",
        new Answer(204, null), "/cached", new Answer(304, null), "/big", new Answer(200, "x".repeat(200000)));
    static PrintWriter log;

    static void send(HttpExchange exchange, int status, byte[] body) throws IOException {
        boolean head = exchange.getRequestMethod().equals("HEAD");
        if (head && body != null) {
            exchange.getResponseHeaders().set("Content-Length", Integer.toString(body.length));
        }
        exchange.sendResponseHeaders(status, head || body == null ? -1 : body.length);
        if (!head && body != null) {
            exchange.getResponseBody().write(body);
        }
        exchange.close();
    }

    static void sendChunked(HttpExchange exchange) throws IOException {
        if (exchange.getRequestMethod().equals("HEAD")) {
            exchange.sendResponseHeaders(200, -1);
        } else {
            exchange.sendResponseHeaders(200, 0);
            for (int i = 0; i < 3; i++) {
                exchange.getResponseBody().write(("HTTP/1.1 500 piece " + i + "\r\n\r\n").getBytes());
                exchange.getResponseBody().flush();
            }
        }
        exchange.close();
    }

    static void handle(HttpExchange exchange) throws IOException {
        long start = System.nanoTime();
        String path = exchange.getRequestURI().getPath();
        exchange.getRequestBody().readAllBytes();
        Answer answer = ANSWERS.getOrDefault(path, new Answer(404, "nothing\n"));
        if (path.startsWith("/api/items/")) {
            answer = new Answer(200, "served\n");
        }
        if (path.equals("/delay") || path.equals("/slow")) {
            try {
                Thread.sleep(path.equals("/delay") ? 5 : 10);
            } catch (InterruptedException e) {
                throw new IOException(e);
            }
            answer = new Answer(200, "late\n");
        }
        if (path.equals("/chunked")) {
            answer = new Answer(200, null);
            sendChunked(exchange);
        } else {
            send(exchange, answer.status(), answer.body() == null ? null : answer.body().getBytes());
        }
        long usec = (System.nanoTime() - start) / 1000;
        synchronized (log) {
            log.printf("%d %s %s %d%n", answer.status(), exchange.getRequestMethod(), exchange.getRequestURI(), usec);
            log.flush();
        }
    }

    static SSLContext context(String path) throws Exception {
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(new FileInputStream(path), "secret".toCharArray());
        KeyManagerFactory keys = KeyManagerFactory.getInstance("SunX509");
        keys.init(store, "secret".toCharArray());
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(keys.getKeyManagers(), null, null);
        return context;
    }

    public static void main(String[] args) throws Exception {
        InetSocketAddress address = new InetSocketAddress("127.0.0.1", Integer.parseInt(args[0]));
        log = new PrintWriter(args[1]);
        HttpServer server;
        if (args.length > 2) {
            HttpsServer tls = HttpsServer.create(address, 128);
            tls.setHttpsConfigurator(new HttpsConfigurator(context(args[2])));
            server = tls;
        } else {
            server = HttpServer.create(address, 128);
        }
        server.createContext("/", Server::handle);
        server.setExecutor(Executors.newFixedThreadPool(8));
        server.start();
    }
}
