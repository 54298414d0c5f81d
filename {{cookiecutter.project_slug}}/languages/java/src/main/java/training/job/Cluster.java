package training.job;

import java.io.EOFException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.net.UnknownHostException;
import java.security.Security;
import java.util.Collection;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.stream.Collectors;

/**
 * Several hosts as one: what they tell each other, and what happens when one is gone (C96 to C98).
 *
 * <p>The leader has a link to each worker. A thread at either end reads it, so that a host whose
 * process ends is noticed at once, by name, also while the main thread is inside a long step. On
 * one host every call answers at once, and there is no socket.
 */
public final class Cluster {
  /** How long a host may be silent, in seconds; the environment may shorten it for rehearsals. */
  private static final int HOST_TIMEOUT = 900;
  private static final int PORT = 9098;
  private static final int WAIT_LOGGED_EVERY = 30;
  /** How long workers wait for the leader to say who is silent, in seconds: it knows better. */
  private static final int GRACE = 3;
  private static final int HELLO_TIMEOUT = 10;

  private final Hosts hosts;
  private final int timeout;
  private final Consumer<String> fail;
  /** To the workers, in the order of their names, or to the leader. */
  private final Map<String, Link> links = new ConcurrentSkipListMap<>();
  private volatile String leaderAddress;
  private volatile boolean ended;

  private Cluster(Hosts hosts, int timeout, Consumer<String> fail) {
    this.hosts = hosts;
    this.timeout = timeout;
    this.fail = fail;
  }

  /** Returns a cluster of one host. */
  public static Cluster ofOne() {
    return new Cluster(new Hosts(List.of("algo-1"), "algo-1"), HOST_TIMEOUT, sentence -> { });
  }

  /**
   * Links this host with the others, whose names may resolve late (C39).
   *
   * @param fail ends the process for the reason it is given, whatever the main thread does
   * @throws TrainingFailure if another host does not come for HOST_TIMEOUT seconds, or if the job
   *     is stopped meanwhile
   */
  public static Cluster join(Hosts hosts, Stop stop, Consumer<String> fail)
      throws IOException, InterruptedException {
    String text = System.getenv().getOrDefault("HOST_TIMEOUT", String.valueOf(HOST_TIMEOUT));
    if (!text.matches("0*[1-9][0-9]{0,5}")) {
      throw new TrainingFailure(
          "HOST_TIMEOUT is \"%s\": it must be a number of seconds.".formatted(text));
    }
    Cluster cluster = new Cluster(hosts, Integer.parseInt(text), fail);
    if (hosts.several()) {
      Log.line("Hosts: %s (leader), %s; this is %s.".formatted(hosts.leader(),
          String.join(", ", hosts.names().subList(1, hosts.names().size())), hosts.current()));
      if (hosts.leads()) {
        cluster.accept(stop);
      } else {
        cluster.connect(stop);
      }
    }
    return cluster;
  }

  /** Returns the hosts. */
  public Hosts hosts() {
    return hosts;
  }

  /** Returns how long a host may be silent, in seconds. */
  public int timeout() {
    return timeout;
  }

  /** Returns the address at which the workers reach the leader. */
  public String leaderAddress() {
    return leaderAddress;
  }

  /** Returns what each host gives, by the host's name, leader first; every host must call it. */
  public Map<String, String> collect(String value) throws InterruptedException {
    if (!hosts.several()) {
      return new LinkedHashMap<>(Map.of(hosts.current(), value));
    }
    Map<String, String> values = new LinkedHashMap<>();
    if (hosts.leads()) {
      values.put(hosts.current(), value);
      for (String worker : links.keySet()) {
        values.put(worker, await(worker));
      }
      for (Link worker : links.values()) {
        values.values().forEach(each -> worker.send(Link.Kind.VALUE, each));
      }
    } else {
      links.get(hosts.leader()).send(Link.Kind.VALUE, value);
      for (String name : hosts.names()) {
        values.put(name, await(hosts.leader()));
      }
    }
    return values;
  }

  /** Waits until every host has come here. */
  public void barrier() throws InterruptedException {
    collect("");
  }

  /** Returns whether the flag is set on any host; every host must call it. */
  public boolean onAnyHost(boolean flag) throws InterruptedException {
    return collect(String.valueOf(flag)).containsValue("true");
  }

  /**
   * Compares the steps after which the hosts resumed.
   *
   * @throws TrainingFailure if they differ (C66)
   */
  public void refuseOtherSteps(int steps) throws InterruptedException {
    Map<String, String> all = collect(String.valueOf(steps));
    if (differ(all)) {
      throw TrainingFailure.ofEveryHost("The hosts resumed after different steps (%s): "
          .formatted(all.entrySet().stream()
              .map(each -> each.getKey() + ": " + each.getValue())
              .collect(Collectors.joining(", ")))
          + "they must find the same checkpoints, or none.");
    }
  }

  /**
   * Compares the checksums of the models of the hosts.
   *
   * @throws TrainingFailure if they differ
   */
  public void refuseOtherModels(long checksum) throws InterruptedException {
    if (differ(collect(String.valueOf(checksum)))) {
      throw TrainingFailure.ofEveryHost("The models of the hosts %s differ, so none is saved: "
          .formatted(String.join(", ", hosts.names()))
          + "each step must have the same result on every host.");
    }
  }

  private static boolean differ(Map<String, String> values) {
    return new HashSet<>(values.values()).size() > 1;
  }

  /** Waits until every host has come here; from then on each may end. */
  public void leave() throws InterruptedException {
    if (!hosts.several()) {
      return;
    }
    if (hosts.leads()) {
      for (String worker : links.keySet()) {
        await(worker);
      }
      ended = true;
      links.values().forEach(worker -> worker.send(Link.Kind.END, ""));
    } else {
      links.get(hosts.leader()).send(Link.Kind.VALUE, "");
      await(hosts.leader());
    }
  }

  /** Tells the other hosts why this one ends. */
  public void fail(Throwable error) {
    if (!(error instanceof TrainingFailure failure && failure.isOfEveryHost())) {
      ended = true;
      tell("Host %s failed: %s".formatted(hosts.current(), Outcome.sentence(error)));
    }
  }

  /** Returns the failure behind an error of a library that lost its connection to another host. */
  public Exception lost(Exception error) throws InterruptedException {
    Log.line(Outcome.firstLine(error));
    // Where a process has ended, the thread that reads the link ends this one meanwhile.
    TimeUnit.SECONDS.sleep(GRACE);
    return silence(hosts.others());
  }

  // ---- Links ---------------------------------------------------------------------------------

  private void accept(Stop stop) throws IOException {
    Wait wait = new Wait(timeout);
    Set<String> missing = new TreeSet<>(hosts.others());
    try (ServerSocket server = new ServerSocket(PORT)) {
      server.setSoTimeout(1000);
      while (!missing.isEmpty()) {
        stop.refuse();
        wait.check(missing);
        try {
          admit(server.accept(), missing);
        } catch (IOException e) {
          // Nobody came, or somebody who is no host and says nothing.
        }
      }
    }
  }

  /** Lets a worker in that has not come as yet; tells all others why they are not, and hangs up. */
  private void admit(Socket socket, Set<String> missing) throws IOException {
    Link link = new Link(socket);
    String refusal = "this is no worker";
    try {
      Link.Message hello = link.receive(HELLO_TIMEOUT);
      String name = hello.text();
      if (hello.kind() == Link.Kind.HELLO && hosts.others().contains(name)) {
        InetAddress address = socket.getInetAddress();
        if (!List.of(InetAddress.getAllByName(name)).contains(address)) {
          refusal = "%s is not an address of %s".formatted(address.getHostAddress(), name);
        } else if (!missing.remove(name)) {
          refusal = "%s is here already".formatted(name);
        } else {
          leaderAddress = socket.getLocalAddress().getHostAddress();
          link.send(Link.Kind.WELCOME, "");
          start(name, link);
          return;
        }
      }
    } catch (UnknownHostException e) {
      refusal = "its name has no address as yet";
    } catch (EOFException | SocketTimeoutException e) {
      refusal = "it says nothing";
    } catch (IOException e) {
      refusal = "this is " + e.getMessage();
    }
    Log.line("WARNING: %s is not let in: %s."
        .formatted(socket.getInetAddress().getHostAddress(), refusal));
    link.send(Link.Kind.REFUSAL, refusal);
    link.close();
  }

  private void connect(Stop stop) throws InterruptedException {
    // Else a name that is unknown as yet would stay so for 10 seconds.
    Security.setProperty("networkaddress.cache.negative.ttl", "0");
    Wait wait = new Wait(timeout);
    String told = "";
    while (links.isEmpty()) {
      Socket socket = new Socket();
      try {
        socket.bind(new InetSocketAddress(InetAddress.getByName(hosts.current()), 0));
      } catch (IOException e) {
        socket = new Socket(); // Its own name may be unknown here.
      }
      try {
        socket.connect(new InetSocketAddress(hosts.leader(), PORT), 5000);
        Link link = new Link(socket);
        link.send(Link.Kind.HELLO, hosts.current());
        Link.Message answer = link.receive(HELLO_TIMEOUT);
        if (answer.kind() == Link.Kind.WELCOME) {
          leaderAddress = socket.getInetAddress().getHostAddress();
          start(hosts.leader(), link);
          return;
        }
        if (!answer.text().equals(told)) {
          told = answer.text();
          Log.line("WARNING: %s does not let this host in: %s; trying again."
              .formatted(hosts.leader(), told));
        }
        link.close();
      } catch (IOException e) {
        // Its name may be unknown as yet, or it does not listen, or has others at the door.
      }
      stop.refuse();
      wait.check(Set.of(hosts.leader()));
      TimeUnit.MILLISECONDS.sleep(500);
    }
  }

  private void start(String name, Link link) {
    links.put(name, link);
    link.watch(name, this::onEnd);
  }

  /** Ends this process too, since another host has ended. */
  private void onEnd(String name, String sentence) {
    if (!ended) {
      String reason = sentence == null
          ? "Host %s is gone: the job can't go on without it.".formatted(name)
          : sentence;
      tell(reason);
      try {
        TimeUnit.SECONDS.sleep(1); // For what this host itself says of it.
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
      fail.accept(reason);
    }
  }

  // ---- Waiting -------------------------------------------------------------------------------

  /** Returns what the host at the other end of a link gives. */
  private String await(String name) throws InterruptedException {
    Wait wait = new Wait(hosts.leads() ? timeout : timeout + GRACE);
    while (true) {
      String value = links.get(name).poll();
      if (value != null) {
        return value;
      }
      wait.check(hosts.leads() ? Set.of(name) : hosts.others());
    }
  }

  /** A wait for other hosts, which says so every half minute and ends. */
  private final class Wait {
    private final int limit;
    private final long start = System.nanoTime();
    private long logged;

    Wait(int limit) {
      this.limit = limit;
    }

    /** Throws TrainingFailure if the hosts that are missing have been so for too long. */
    void check(Collection<String> missing) {
      long seconds = TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - start);
      if (seconds >= limit) {
        throw silence(missing);
      }
      if (seconds >= logged + WAIT_LOGGED_EVERY) {
        logged = seconds;
        Log.line("Waiting for %s since %s s.".formatted(
            missing.size() == 1 ? missing.iterator().next() : "the other hosts", seconds));
      }
    }
  }

  /** Returns the failure for hosts that do not answer, having told it to those that do. */
  private TrainingFailure silence(Collection<String> missing) {
    String who = missing.size() == 1
        ? "Host " + missing.iterator().next()
        : "A host (%s)".formatted(String.join(" or ", missing));
    String sentence =
        "%s did not answer for %s s: it is gone, or slower than HOST_TIMEOUT allows."
            .formatted(who, timeout);
    tell(sentence);
    return new TrainingFailure(sentence);
  }

  private void tell(String sentence) {
    links.values().forEach(link -> link.send(Link.Kind.FAILURE, sentence));
  }
}
