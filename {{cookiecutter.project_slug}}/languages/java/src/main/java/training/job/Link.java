package training.job;

import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.BiConsumer;

/** A connection to another host, and what comes over it: a kind, a length, and a text in UTF-8. */
final class Link {
  /** What a message is. */
  enum Kind {
    /** The name of a worker, which wants in. */
    HELLO,
    /** The leader lets it in. */
    WELCOME,
    /** The leader does not, and why. */
    REFUSAL,
    /** What a host gives to collect. */
    VALUE,
    /** The sentence with which the sender ends. */
    FAILURE,
    /** The leader needs this host no longer. */
    END
  }

  /** A message of another host. */
  record Message(Kind kind, String text) {}

  private static final int LONGEST = 1 << 26;

  private final Socket socket;
  private final DataInputStream in;
  private final DataOutputStream out;
  private final BlockingQueue<String> values = new LinkedBlockingQueue<>();

  Link(Socket socket) throws IOException {
    this.socket = socket;
    socket.setTcpNoDelay(true);
    in = new DataInputStream(new BufferedInputStream(socket.getInputStream()));
    out = new DataOutputStream(new BufferedOutputStream(socket.getOutputStream()));
  }

  Socket socket() {
    return socket;
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
      close();
    }
  }

  void close() {
    try {
      socket.close();
    } catch (IOException e) {
      // It is of no use any more.
    }
  }

  /**
   * Returns the first message, which comes within so many seconds.
   *
   * @throws SocketTimeoutException if none has come
   * @throws IOException if the other end is gone, or no host of a job
   */
  Message receive(int seconds) throws IOException {
    socket.setSoTimeout(1000 * seconds);
    Message message = read(1 << 10);
    socket.setSoTimeout(0);
    return message;
  }

  /** Returns the next value from the other end, or null where none comes within a second. */
  String poll() throws InterruptedException {
    return values.poll(1, TimeUnit.SECONDS);
  }

  /**
   * Has a thread read until the other host is gone, or needs this one no longer.
   *
   * @param onEnd is given the name, and the sentence with which that host ended, or null
   */
  void watch(String name, BiConsumer<String, String> onEnd) {
    Thread thread = new Thread(() -> watch(name, onEnd, null), "link to " + name);
    thread.setDaemon(true);
    thread.start();
  }

  private void watch(String name, BiConsumer<String, String> onEnd, String sentence) {
    try {
      while (sentence == null) {
        Message message = read(LONGEST);
        if (message.kind() == Kind.FAILURE) {
          sentence = message.text();
        } else {
          values.add(message.text());
          if (message.kind() == Kind.END) {
            return;
          }
        }
      }
    } catch (IOException e) {
      // Without a word.
    }
    onEnd.accept(name, sentence);
  }

  private Message read(int longest) throws IOException {
    int kind = in.readByte();
    int length = kind < 0 || kind >= Kind.values().length ? -1 : in.readInt();
    if (length < 0 || length > longest) {
      throw new IOException("no message of a host");
    }
    byte[] text = new byte[length];
    in.readFully(text);
    return new Message(Kind.values()[kind], new String(text, StandardCharsets.UTF_8));
  }
}
