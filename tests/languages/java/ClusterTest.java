package training;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.DataInputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import training.job.Hosts;
import training.job.TrainingFailure;

/** Hosts that train the toy as one: three processes, named by three names of this machine. */
@Timeout(600)
class ClusterTest {
  private static final List<String> HOSTS = List.of("127.0.0.1", "127.0.0.2", "localhost");
  private static final String GONE = "Host %s is gone: the job can't go on without it.\n";

  @TempDir private Path folder;
  private final List<Job> jobs = new ArrayList<>();
  private final List<Process> processes = new ArrayList<>();

  @BeforeEach
  void makeTrees() throws IOException {
    for (String host : HOSTS) {
      Job job = new Job(folder.resolve(host));
      // Shuffled: the order in the file says nothing.
      job.writeConfig("resourceconfig.json",
          Map.of("current_host", host, "hosts", List.of("localhost", "127.0.0.1", "127.0.0.2")));
      jobs.add(job);
    }
  }

  @AfterEach
  void endAll() {
    processes.forEach(Process::destroyForcibly);
  }

  /** C61, C66. */
  @Test
  void leaderAloneWritesModelCheckpointsAndSteps() throws Exception {
    for (Job job : jobs) {
      Files.createDirectories(job.root().resolve("checkpoints"));
    }

    List<Job.Run> runs = run(jobs);

    for (Job.Run run : runs) {
      assertEquals(0, run.exitCode(), run.err());
    }
    assertTrue(runs.get(2).lines().contains(
        "Hosts: 127.0.0.1 (leader), 127.0.0.2, localhost; this is localhost."), runs.get(2).out());
    assertEquals("3", jobs.get(0).read("model/count.txt"));
    assertTrue(Files.exists(jobs.get(0).root().resolve("checkpoints/checkpoint-00000003")));
    assertTrue(runs.get(0).lines().contains("step=3 training:loss=0.333333"), runs.get(0).out());
    for (int worker : List.of(1, 2)) {
      jobs.get(worker).assertNoModel();
      assertFalse(
          Files.exists(jobs.get(worker).root().resolve("checkpoints/checkpoint-00000003")));
      assertFalse(runs.get(worker).out().contains("step="), runs.get(worker).out());
    }
  }

  @Test
  void stopOfOneHostStopsAllAtTheSameStep() throws Exception {
    start(jobs, "--count", "1000000", "--pause", "20");
    jobs.get(0).waitFor(processes.get(0), "step=2 ");

    processes.get(2).toHandle().destroy();

    for (Job.Run run : finish()) {
      assertEquals(0, run.exitCode(), run.err());
    }
    assertEquals(true, jobs.get(0).metadata().get("stopped"));
  }

  /** C98: in the midst of a step that would take an hour. */
  @ParameterizedTest
  @ValueSource(ints = {0, 2})
  void hostThatIsKilledEndsTheOthers(int killed) throws Exception {
    start(jobs, "--pause", "3600000");
    for (int i = 0; i < jobs.size(); i++) {
      jobs.get(i).waitFor(processes.get(i), "Reading");
    }

    processes.get(killed).destroyForcibly();

    List<Job.Run> runs = finish();
    for (int i = 0; i < jobs.size(); i++) {
      if (i != killed) {
        assertEquals(1, runs.get(i).exitCode(), runs.get(i).out());
        assertEquals(GONE.formatted(HOSTS.get(killed)), runs.get(i).err());
        assertEquals(runs.get(i).err(), jobs.get(i).read("output/failure"));
        jobs.get(i).assertNoModel();
      }
    }
  }

  @Test
  void mistakeOnOneHostIsSaidThereAndEndsTheOthers() throws Exception {
    start(jobs.subList(0, 2));
    start(jobs.subList(2, 3), "--trouble", "bug");

    List<Job.Run> runs = finish();

    assertTrue(runs.get(2).err().startsWith("IllegalStateException: a bug\n"), runs.get(2).err());
    for (Job.Run run : runs.subList(0, 2)) {
      assertEquals(1, run.exitCode());
      assertEquals("Host localhost failed: IllegalStateException: a bug\n", run.err());
    }
  }

  /** C39. */
  @ParameterizedTest
  @CsvSource({"127.0.0.1, localhost", "localhost, 127.0.0.1"})
  void hostThatNeverComesIsNamed(String here, String absent) throws Exception {
    Job job = jobs.get(HOSTS.indexOf(here));
    job.writeConfig("resourceconfig.json",
        Map.of("current_host", here, "hosts", List.of(here, absent)));

    Process process = job.start(Map.of("HOST_TIMEOUT", "2"), List.of());
    processes.add(process);

    Job.Run run = job.finish(process);
    assertEquals(1, run.exitCode());
    assertEquals("Host %s did not answer for 2 s: it is gone, or slower than HOST_TIMEOUT allows.\n"
        .formatted(absent), run.err());
  }

  /** C5. */
  @ParameterizedTest
  @ValueSource(ints = {0, 2})
  void stopWhileAHostIsAwaitedEndsAtOnce(int host) throws Exception {
    Job job = jobs.get(host);
    Process process = job.start();
    processes.add(process);
    job.waitFor(process, "Hosts:");

    process.toHandle().destroy();

    Job.Run run = job.finish(process);
    assertEquals(1, run.exitCode());
    assertEquals("Stopped by SIGTERM before the first step was done: there is no model to save.\n",
        run.err());
  }

  /** On the port that is ours only hosts are let in; all others are told, and hung up on. */
  @Test
  void strangersAreTurnedAwayAndTheHostsGetIn() throws Exception {
    start(jobs.subList(0, 1));
    jobs.get(0).waitFor(processes.get(0), "Hosts:");
    Socket silent = knock("127.0.0.1");
    silent.close(); // Which nobody can be told of.
    assertRefused("this is no message of a host", "127.0.0.1", "GET / HTTP/1.1\r\n\r\n".getBytes());
    assertRefused("this is no message of a host", "127.0.0.1", new byte[] {42});
    assertRefused("this is no message of a host", "127.0.0.1", message(0, -5, ""));
    assertRefused("this is no message of a host", "127.0.0.1", message(0, Integer.MAX_VALUE, ""));
    assertRefused("this is no worker", "127.0.0.1", message(3, 5, "value"));
    assertRefused("this is no worker", "127.0.0.1", message(0, 7, "another"));
    assertRefused("127.0.0.1 is not an address of 127.0.0.2", "127.0.0.1",
        message(0, 9, "127.0.0.2"));
    start(jobs.subList(1, 2));
    jobs.get(1).waitFor(processes.get(1), "Hosts:");
    Thread.sleep(2000);
    assertRefused("127.0.0.2 is here already", "127.0.0.2", message(0, 9, "127.0.0.2"));
    start(jobs.subList(2, 3));

    for (Job.Run run : finish()) {
      assertEquals(0, run.exitCode(), run.err());
    }
    String log = jobs.get(0).read("out.txt");
    assertTrue(log.contains("WARNING: 127.0.0.2 is not let in: 127.0.0.2 is here already.\n"), log);
  }

  private static byte[] message(int kind, int length, String text) {
    return ByteBuffer.allocate(5 + text.length())
        .put((byte) kind).putInt(length).put(text.getBytes()).array();
  }

  private static void assertRefused(String reason, String from, byte[] sent) throws Exception {
    try (Socket stranger = knock(from)) {
      stranger.getOutputStream().write(sent);
      DataInputStream in = new DataInputStream(stranger.getInputStream());
      assertEquals(2, in.readByte());
      assertEquals(reason, new String(in.readNBytes(in.readInt()), StandardCharsets.UTF_8));
      assertEquals(-1, in.read());
    }
  }

  /** Every order of who comes first, and names whose order is not that of their addresses. */
  @ParameterizedTest
  @CsvSource({"0, 1, 2", "2, 1, 0", "1, 2, 0"})
  void hostsComeInAnyOrder(int first, int second, int third) throws Exception {
    List<String> names = List.of("127.0.0.10", "127.0.0.3", "localhost");
    jobs.clear();
    for (int i : List.of(first, second, third)) {
      Job job = new Job(folder.resolve("order").resolve(names.get(i)));
      job.writeConfig(
          "resourceconfig.json", Map.of("current_host", names.get(i), "hosts", names));
      jobs.add(job);
      start(List.of(job));
      job.waitFor(processes.get(processes.size() - 1), "Hosts:");
    }

    for (Job.Run run : finish()) {
      assertEquals(0, run.exitCode(), run.err());
    }
    assertEquals("3", Files.readString(folder.resolve("order/127.0.0.10/model/count.txt")));
  }

  @Test
  void hostThatFailsTellsTheOthersWhy() throws Exception {
    start(jobs, "--trouble", "Error of localhost");

    List<Job.Run> runs = finish();

    assertTrue(runs.get(2).err().startsWith("IllegalStateException: \"red\" is no number\n"));
    for (Job.Run run : runs.subList(0, 2)) {
      assertEquals(
          "Host localhost failed: IllegalStateException: \"red\" is no number\n", run.err());
    }
    assertEquals(runs.get(0).err(), jobs.get(0).read("output/failure"));
  }

  /** C66. */
  @Test
  void hostsThatResumeAfterOtherStepsFail() throws Exception {
    Job job = new Job(folder.resolve("alone"));
    Files.createDirectories(job.root().resolve("checkpoints"));
    assertEquals(0, job.run("--count", "2").exitCode());
    Files.move(job.root().resolve("checkpoints"), jobs.get(1).root().resolve("checkpoints"));

    for (Job.Run run : run(jobs)) {
      assertEquals(1, run.exitCode());
      assertEquals("The hosts resumed after different steps (127.0.0.1: 0, 127.0.0.2: 2, "
          + "localhost: 0): they must find the same checkpoints, or none.\n", run.err());
    }
  }

  @Test
  void modelsThatDifferAreNotSaved() throws Exception {
    for (Job.Run run : run(jobs, "--trouble", "other model")) {
      assertEquals(1, run.exitCode());
      assertEquals("The models of the hosts 127.0.0.1, 127.0.0.2, localhost differ, so none is "
          + "saved: each step must have the same result on every host.\n", run.err());
    }
    jobs.get(0).assertNoModel();
  }

  /** C52. */
  @Test
  void hostWithoutFilesIsNoErrorButAllAre() throws Exception {
    Files.delete(jobs.get(0).root().resolve("input/data/training/a.txt"));
    Files.delete(jobs.get(1).root().resolve("input/data/training/a.txt"));
    for (Job.Run run : run(jobs)) {
      assertEquals(0, run.exitCode(), run.err());
    }
    processes.clear();
    Files.delete(jobs.get(2).root().resolve("input/data/training/a.txt"));

    List<Job.Run> runs = run(jobs);

    for (int i = 0; i < jobs.size(); i++) {
      assertEquals("Channel \"training\" is empty: there is no file under %s on any host.\n"
          .formatted(jobs.get(i).root().resolve("input/data/training")), runs.get(i).err());
    }
  }

  /** C52. */
  @Test
  void filesThatEachHostHasAreSharedOut() throws Exception {
    for (Job job : jobs) {
      job.writeConfig("inputdataconfig.json",
          Map.of("training", Map.of("S3DistributionType", "FullyReplicated")));
      for (String name : List.of("b", "c", "d")) {
        Files.writeString(job.root().resolve("input/data/training").resolve(name), "1\n");
      }
    }

    List<Job.Run> runs = run(jobs);

    assertTrue(runs.get(0).lines().contains("Reading 2 files."), runs.get(0).out());
    assertTrue(runs.get(1).lines().contains("Reading 1 files."), runs.get(1).out());
    assertTrue(runs.get(2).lines().contains("Reading 1 files."), runs.get(2).out());
    assertFalse(runs.get(2).out().contains("no file is left"), runs.get(2).out());
  }

  /** C52. */
  @Test
  void hostForWhichNoFileIsLeftSaysSo() throws Exception {
    for (Job job : jobs) {
      job.writeConfig("inputdataconfig.json",
          Map.of("training", Map.of("S3DistributionType", "FullyReplicated")));
    }

    List<Job.Run> runs = run(jobs);

    String line = "Channel \"training\": no file is left for this host: it has 1 file and the job "
        + "3 hosts. ShardedByS3Key, or more files, give each its share.";
    assertFalse(runs.get(0).lines().contains(line), runs.get(0).out());
    assertTrue(runs.get(1).lines().contains(line), runs.get(1).out());
    assertTrue(runs.get(2).lines().contains(line), runs.get(2).out());
  }

  @ParameterizedTest
  @ValueSource(strings = {"0", "-1", "5 min", ""})
  void timeoutThatIsNoneIsOneSentence(String text) throws Exception {
    start(Map.of("HOST_TIMEOUT", text), jobs.subList(0, 1));

    assertEquals("HOST_TIMEOUT is \"%s\": it must be a number of seconds.\n".formatted(text),
        finish().get(0).err());
  }

  /** C97. */
  @Test
  void modelForOneHostIsRefusedOnSeveral() {
    TrainingFailure failure = assertThrows(
        TrainingFailure.class,
        new Hosts(List.of("algo-1", "algo-2"), "algo-2")::refuseSeveral);

    assertEquals("This program trains on one host and the job has 2 (algo-1, algo-2): "
        + "set InstanceCount to 1, or leave out --hosts.", failure.getMessage());
    new Hosts(List.of("algo-1"), "algo-1").refuseSeveral();
  }

  // ---- How the hosts are run ----------------------------------------------------------------

  private List<Job.Run> run(List<Job> chosen, String... arguments) throws Exception {
    start(chosen, arguments);
    return finish();
  }

  private void start(List<Job> chosen, String... arguments) throws IOException {
    start(Map.of(), chosen, arguments);
  }

  private void start(Map<String, String> environment, List<Job> chosen, String... arguments)
      throws IOException {
    for (Job job : chosen) {
      processes.add(job.start(environment, List.of(), arguments));
    }
  }

  private List<Job.Run> finish() throws Exception {
    List<Job.Run> runs = new ArrayList<>();
    for (int i = 0; i < processes.size(); i++) {
      runs.add(jobs.get(i).finish(processes.get(i)));
    }
    return runs;
  }

  /** Connects to the leader as soon as it listens. */
  private static Socket knock(String from) throws Exception {
    while (true) {
      try {
        return new Socket("127.0.0.1", 9098, InetAddress.getByName(from), 0);
      } catch (IOException e) {
        Thread.sleep(50);
      }
    }
  }
}
