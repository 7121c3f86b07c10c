import com.launchdarkly.eventsource.ConnectStrategy;
import com.launchdarkly.eventsource.ErrorStrategy;
import com.launchdarkly.eventsource.FaultEvent;
import com.launchdarkly.eventsource.MessageEvent;
import com.launchdarkly.eventsource.RetryDelayStrategy;
import com.launchdarkly.eventsource.StartedEvent;
import com.launchdarkly.eventsource.StreamEvent;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import okhttp3.OkHttpClient;
import okhttp3.Request;
import okhttp3.Response;
import okhttp3.sse.EventSource;
import okhttp3.sse.EventSourceListener;
import okhttp3.sse.EventSources;

/**
 * Listens by one client, for ever, and prints what it hands out, one JSON value a line (`at` in ns since 1970):
 * ["open", at], ["event", at, id, type, data], ["error", at, text]
 *
 * <pre>java -cp ... Listen CLIENT URL</pre>
 */
public final class Listen {
  /** What the server asks for by `retry:`. */
  private static final long RETRY_MS = 50;

  private static String last = "";

  public static void main(String[] arguments) throws Exception {
    String url = arguments[1];
    while (true) {
      try {
        switch (arguments[0]) {
          case "java-net-http" -> byJavaNetHttp(url);
          case "okhttp-sse" -> byOkHttpSse(url);
          case "okhttp-eventsource" -> byOkHttpEventSource(url);
          default -> throw new IllegalArgumentException(arguments[0]);
        }
      } catch (Exception error) {
        say("error", String.valueOf(error));
      }
      Thread.sleep(RETRY_MS);
    }
  }

  /** By hand: the lines of a body (HTML §9.2.6). */
  private static void byJavaNetHttp(String url) throws Exception {
    HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(url));
    if (!last.isEmpty()) {
      request.header("Last-Event-ID", last);
    }
    // Else it first asks for HTTP/2.
    HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    HttpResponse<Stream<String>> response = client.send(request.build(), HttpResponse.BodyHandlers.ofLines());
    if (response.statusCode() != 200) {
      throw new IllegalStateException("status " + response.statusCode());
    }
    say("open");
    Block block = new Block();
    response.body().forEach(block::line);
  }

  private static final class Block {
    private String id = last;
    private String type = "";
    private List<String> data = new ArrayList<>();

    void line(String line) {
      int colon = line.indexOf(':');
      String name = colon < 0 ? line : line.substring(0, colon);
      String value = colon < 0 ? "" : line.substring(line.startsWith(" ", colon + 1) ? colon + 2 : colon + 1);
      if (line.isEmpty()) {
        last = id;
        if (!data.isEmpty()) {
          event(last, type, String.join("\n", data));
        }
        type = "";
        data = new ArrayList<>();
      } else if (name.equals("id")) {
        id = value;
      } else if (name.equals("event")) {
        type = value;
      } else if (name.equals("data")) {
        data.add(value);
      }
    }
  }

  /** It doesn't come back by itself. */
  private static void byOkHttpSse(String url) throws Exception {
    OkHttpClient client = new OkHttpClient.Builder().readTimeout(Duration.ZERO).build();
    Request.Builder request = new Request.Builder().url(url).header("Accept", "text/event-stream");
    if (!last.isEmpty()) {
      request.header("Last-Event-ID", last);
    }
    CountDownLatch ended = new CountDownLatch(1);
    EventSources.createFactory(client).newEventSource(request.build(), new EventSourceListener() {
      @Override
      public void onOpen(EventSource source, Response response) {
        say("open");
      }

      @Override
      public void onEvent(EventSource source, String id, String type, String data) {
        last = id == null ? last : id;
        event(id, type, data);
      }

      @Override
      public void onClosed(EventSource source) {
        ended.countDown();
      }

      @Override
      public void onFailure(EventSource source, Throwable error, Response response) {
        say("error", String.valueOf(error));
        ended.countDown();
      }
    });
    ended.await();
    client.dispatcher().executorService().shutdown();
  }

  /** It comes back by itself, first after a second unless it is told otherwise. */
  private static void byOkHttpEventSource(String url) {
    com.launchdarkly.eventsource.EventSource source =
        new com.launchdarkly.eventsource.EventSource.Builder(
                ConnectStrategy.http(URI.create(url)).readTimeout(0, TimeUnit.MILLISECONDS))
            .errorStrategy(ErrorStrategy.alwaysContinue())
            .retryDelay(RETRY_MS, TimeUnit.MILLISECONDS)
            .retryDelayStrategy(RetryDelayStrategy.defaultStrategy().maxDelay(RETRY_MS, TimeUnit.MILLISECONDS))
            .build();
    for (StreamEvent event : source.anyEvents()) {
      if (event instanceof StartedEvent) {
        say("open");
      } else if (event instanceof MessageEvent message) {
        event(message.getLastEventId(), message.getEventName(), message.getData());
      } else if (event instanceof FaultEvent fault) {
        say("error", String.valueOf(fault.getCause()));
      }
    }
  }

  private static void event(String id, String type, String data) {
    say("event", id == null ? "" : id, type == null || type.isEmpty() ? "message" : type, data);
  }

  private static synchronized void say(String what, String... rest) {
    Instant now = Instant.now();
    StringBuilder line = new StringBuilder("[\"" + what + "\"," + (now.getEpochSecond() * 1_000_000_000L + now.getNano()));
    for (String text : rest) {
      line.append(",\"");
      text.chars().forEach(unit -> {
        if (unit < ' ' || unit == '"' || unit == '\\' || unit > '~') {
          line.append(String.format("\\u%04x", unit));
        } else {
          line.append((char) unit);
        }
      });
      line.append('"');
    }
    System.out.println(line.append(']'));
  }
}
