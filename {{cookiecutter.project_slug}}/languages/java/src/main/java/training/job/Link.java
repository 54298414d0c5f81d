package training.job;

import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.BiConsumer;

/** A connection to another host, and what comes over it. */
final class Link {
  /** What a message is. */
  enum Kind {
    /** The name of a worker. */
    HELLO,
    /** What a host gives to collect. */
    VALUE,
    /** The sentence with which the sender ends. */
    FAILURE,
    /** The leader needs this host no longer. */
    END
  }

  private final Socket socket;
  private final DataInputStream in;
  private final DataOutputStream out;
  private final BlockingQueue<String> values = new LinkedBlockingQueue<>();
  private String name;

  Link(Socket socket) throws IOException {
    this.socket = socket;
    socket.setTcpNoDelay(true);
    in = new DataInputStream(new BufferedInputStream(socket.getInputStream()));
    out = new DataOutputStream(new BufferedOutputStream(socket.getOutputStream()));
  }

  /** Makes the link to the host of that name. */
  Link(Socket socket, String name) throws IOException {
    this(socket);
    this.name = name;
  }

  String name() {
    return name;
  }

  Socket socket() {
    return socket;
  }

  /** Reads the name of the worker at the other end, if it is one. */
  boolean isWorker() {
    try {
      socket.setSoTimeout(10_000);
      boolean worker = in.readByte() == Kind.HELLO.ordinal();
      name = worker ? readText() : null;
      socket.setSoTimeout(0);
      return worker;
    } catch (IOException | IllegalArgumentException e) {
      return false;
    }
  }

  /** Sends a message; where that fails, the thread that reads tells why. */
  synchronized void send(Kind kind, String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    try {
      out.writeByte(kind.ordinal());
      out.writeInt(bytes.length);
      out.write(bytes);
      out.flush();
    } catch (IOException e) {
      Log.line("WARNING: %s can't be told anything (%s).".formatted(name, e.getMessage()));
    }
  }

  /** Returns the next value from the other end, or null where none comes within a second. */
  String poll() throws InterruptedException {
    return values.poll(1, TimeUnit.SECONDS);
  }

  /**
   * Has a thread read until the other host is gone, or needs this one no longer.
   *
   * @param onEnd is given this link and the sentence with which the other host ended
   */
  void watch(BiConsumer<Link, String> onEnd) {
    Thread thread = new Thread(() -> read(onEnd), "link to " + name);
    thread.setDaemon(true);
    thread.start();
  }

  private void read(BiConsumer<Link, String> onEnd) {
    String sentence;
    try {
      while (true) {
        Kind kind = Kind.values()[in.readByte()];
        String text = readText();
        if (kind == Kind.FAILURE) {
          sentence = text;
          break;
        }
        values.add(text);
        if (kind == Kind.END) {
          return;
        }
      }
    } catch (IOException e) {
      sentence = "Host %s is gone: the job can't go on without it.".formatted(name);
    }
    onEnd.accept(this, sentence);
  }

  private String readText() throws IOException {
    return new String(in.readNBytes(in.readInt()), StandardCharsets.UTF_8);
  }
}
