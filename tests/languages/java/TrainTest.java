package training;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import training.job.Algorithm;
import training.job.Hyperparameter;
import training.job.Hyperparameters;
import training.job.TrainingFailure;

/** The whole program, with a toy for a model. */
@Timeout(600)
class TrainTest {
  @TempDir private Path root;
  private Job job;

  @BeforeEach
  void makeTree() throws IOException {
    job = new Job(root);
  }

  @Test
  void trainingLeavesModelMetadataAndStepLines() throws Exception {
    job.writeConfig("hyperparameters.json", Map.of("count", "2"));

    Job.Run run = job.run("train");

    assertEquals(0, run.exitCode(), run.err());
    assertEquals("2", job.read("model/count.txt"));
    Map<String, Object> metadata = job.metadata();
    assertEquals(Map.of("count", 2.0, "pause", 0.0, "trouble", "none"),
        metadata.get("hyperparameters"));
    assertEquals(Map.of("training:loss", 0.5), metadata.get("metrics"));
    assertEquals(2.0, metadata.get("steps"));
    assertEquals(false, metadata.get("stopped"));
    assertEquals(Map.of("training", 1.0), metadata.get("rows"));
    assertTrue(run.lines().contains("Hyperparameters: count=2 pause=0 trouble=none"), run.out());
    assertTrue(run.lines().contains("step=2 training:loss=0.5"), run.out());
    assertEquals("Saved the model in %s: count.txt, metadata.json.".formatted(
        root.resolve("model")), run.lines().get(run.lines().size() - 1));
    assertEquals("", run.err());
  }

  @Test
  void noWordTrainsTooAndPairsOverride() throws Exception {
    assertEquals(0, job.run("--count", "4").exitCode());
    assertEquals("4", job.read("model/count.txt"));
  }

  @Test
  void helpListsTheHyperparameters() throws Exception {
    Job.Run run = job.run("--help");

    assertEquals(0, run.exitCode());
    assertTrue(run.out().contains("--count  steps\n      an integer from 1 to 1000000; default 3"),
        run.out());
    assertFalse(Files.exists(root.resolve("model/metadata.json")));
  }

  /** C22. */
  @Test
  void serveIsRefused() throws Exception {
    Job.Run run = job.run("serve");

    assertEquals(2, run.exitCode());
    assertEquals("This image only trains: start it with \"train\" or nothing, not \"serve\".\n",
        run.err());
    assertEquals(run.err(), job.read("output/failure"));
  }

  /** C5. */
  @Test
  void stopSavesTheStepsDone() throws Exception {
    Files.createDirectories(root.resolve("checkpoints"));

    Job.Run run = stopAt("step=1 ", "--count", "1000000", "--pause", "20");

    assertEquals(0, run.exitCode(), run.err());
    assertTrue(run.lines().contains(
        "SIGTERM received: finishing this step, then saving checkpoint and model."), run.out());
    int steps = Integer.parseInt(job.read("model/count.txt"));
    assertTrue(Files.exists(root.resolve("checkpoints/checkpoint-%08d".formatted(steps))));
    assertEquals(true, job.metadata().get("stopped"));
  }

  @Test
  void stopInOneBlockingFitIsLoggedAtOnce() throws Exception {
    Job.Run run = stopAt("A long step.", "--count", "1", "--pause", "1500");

    assertEquals(List.of("SIGTERM received", "step=1 training:"), run.lines().stream()
        .filter(line -> line.startsWith("SIGTERM") || line.startsWith("step"))
        .map(line -> line.substring(0, 16))
        .toList());
    assertEquals(0, run.exitCode());
  }

  /** Who resumed from a fit that was cut short would take it for a whole one. */
  @Test
  void fitThatAskedAndWasToldToStopHasAModelAndNoCheckpoint() throws Exception {
    Files.createDirectories(root.resolve("checkpoints"));

    Job.Run run = stopAt("A long step.", "--count", "1", "--pause", "1001", "--trouble", "asks");

    assertEquals(0, run.exitCode(), run.err());
    assertEquals("1", job.read("model/count.txt"));
    assertEquals(true, job.metadata().get("stopped"));
    try (Stream<Path> files = Files.list(root.resolve("checkpoints"))) {
      assertEquals(List.of(), files.toList());
    }
  }

  /** C64. */
  @Test
  void lastCheckpointThatDoesNotFitCostsNoModel() throws Exception {
    Files.createDirectories(root.resolve("checkpoints"));

    Job.Run run = job.run("--trouble", "full");

    assertEquals(0, run.exitCode(), run.err());
    assertTrue(run.lines().contains("WARNING: the last checkpoint can't be had (No space is left "
        + "on the disk (%s): raise VolumeSizeInGB in training-job.json): the model is saved "
            .formatted(root.resolve("checkpoints/checkpoint-00000003")) + "without it."),
        run.out());
    assertEquals("", run.err());
    assertEquals("3", job.read("model/count.txt"));
  }

  @Test
  void stopBeforeTheFirstStepFailsWithOneSentence() throws Exception {
    Job.Run run = stopAt("Reading", "--trouble", "slow read");

    assertEquals(1, run.exitCode());
    assertEquals(
        "Stopped by SIGTERM before the first step was done: there is no model to save.\n",
        job.read("output/failure"));
    job.assertNoModel();
  }

  /** C67. */
  @Test
  void runResumesFromTheCheckpoint() throws Exception {
    Files.createDirectories(root.resolve("checkpoints"));
    assertEquals(0, job.run("--count", "2").exitCode());

    Job.Run run = job.run("train");

    assertEquals(0, run.exitCode(), run.err());
    assertTrue(run.lines().contains("Resuming from checkpoint-00000002, after step 2."));
    assertTrue(run.lines().contains(
        "WARNING: checkpoint-00000002 was made with other hyperparameters: count=2, now 3."));
    assertTrue(run.out().contains("step=3 "));
    assertFalse(run.out().contains("step=2 "));
  }

  @Test
  void runThatResumesAtTheEndSavesTheModelAgain() throws Exception {
    Files.createDirectories(root.resolve("checkpoints"));
    assertEquals(0, job.run("train").exitCode());
    Map<String, Object> metadata = job.metadata();
    Files.delete(root.resolve("model/metadata.json"));
    Files.delete(root.resolve("model/count.txt"));

    assertEquals(0, job.run("train").exitCode());

    assertEquals(metadata, job.metadata());
  }

  @Test
  void checkpointOfOtherHyperparametersIsNoModelOfThisJob() throws Exception {
    Files.createDirectories(root.resolve("checkpoints"));
    assertEquals(0, job.run("train").exitCode());

    Job.Run run = job.run("--count", "2");

    assertEquals(1, run.exitCode());
    assertEquals("checkpoint-00000003 was made with count=3, and this job has count=2: give the "
        + "same, or start it without checkpoints.\n", run.err());
  }

  /** A metric, or what is said of the model, is no reason to throw the model away. */
  @ParameterizedTest
  @ValueSource(strings = {"metrics", "metadata"})
  void modelIsSavedThoughLessIsSaidOfIt(String what) throws Exception {
    Job.Run run = job.run("--trouble", "no " + what);

    assertEquals(0, run.exitCode(), run.err());
    assertEquals(List.of("WARNING: the %s can't be had (IllegalStateException: a bug): the model "
        .formatted(what) + "is saved without them."),
        run.lines().stream().filter(line -> line.startsWith("WARNING")).toList());
    assertTrue(run.err().startsWith("java.lang.IllegalStateException: a bug\n\tat training.Toy."),
        run.err());
    assertEquals("3", job.read("model/count.txt"));
    assertEquals(3.0, job.metadata().get("steps"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"metrics", "metadata"})
  void whatReturnsNullIsNamed(String what) throws Exception {
    Job.Run run = job.run("--trouble", "null " + what);

    assertEquals(0, run.exitCode(), run.err());
    assertTrue(run.lines().contains("WARNING: the %s can't be had (%s() in Model.java returned "
        .formatted(what, what) + "null: it must be a map): the model is saved without them."),
        run.out());
    assertEquals("", run.err());
  }

  /** Other libraries have shutdown hooks, which must not run before the model is saved. */
  @Test
  void hooksOfLibrariesRunAtTheEndAndChildrenHaveAnOrdinarySigterm() throws Exception {
    Job.Run run = stopAt("step=1 ", "--count", "1000000", "--pause", "20", "--trouble", "hooks");

    assertEquals(0, run.exitCode(), run.err());
    assertTrue(run.lines().contains("A child that is sent SIGTERM ends with 143."), run.out());
    assertTrue(run.lines().indexOf("A library's hook.")
        > run.out().lines().toList().indexOf("Saved the model in %s: count.txt, metadata.json."
            .formatted(root.resolve("model"))), run.out());
  }

  /** C58. */
  @Test
  void bugIsOneSentenceAndThenItsTrace() throws Exception {
    Job.Run run = job.run("--trouble", "bug");

    assertEquals(1, run.exitCode());
    assertTrue(run.err().contains("\tat training.Toy.step"), run.err());
    String failure = job.read("output/failure");
    assertTrue(failure.startsWith("IllegalStateException: a bug\n"), failure);
    assertTrue(failure.length() <= 1024);
    job.assertNoModel();
  }

  /** What is no Exception must leave its reason too. */
  @ParameterizedTest
  @CsvSource(delimiter = '|', value = {
      "memory   | The memory is full (Requested array size exceeds VM limit): Java's heap ",
      "stack    | StackOverflowError: no message",
      "cause    | RuntimeException: outer (caused by IllegalStateException: inner)",
      "class    | NoClassDefFoundError: some/Library",
      "exit     | The program was ended by System.exit() before the model was saved: let train "
          + "end it.",
      "exit 3   | The program was ended by System.exit() before the model was saved: let train "
          + "end it.",
      "thread   | The program was ended by System.exit() before the model was saved: let train "
          + "end it.",
      "half     | IllegalStateException: ",
      "no model | save() in Model.java wrote no file into its folder: ",
  })
  void otherTroublesAreOneSentence(String trouble, String sentence) throws Exception {
    Job.Run run = job.run("--trouble", trouble);

    assertEquals(1, run.exitCode());
    assertTrue(run.err().startsWith(sentence), run.err());
    assertTrue(job.read("output/failure").startsWith(sentence));
    job.assertNoModel();
  }

  @Test
  void threadThatAModelLeavesBehindEndsWithTheJob() throws Exception {
    assertEquals(0, job.run("--trouble", "thread left behind").exitCode());
  }

  @Test
  void failureOfAnEarlierRunIsRemoved() throws Exception {
    Files.writeString(root.resolve("output/failure"), "old");

    assertEquals(0, job.run("train").exitCode());

    assertFalse(Files.exists(root.resolve("output/failure")));
  }

  @ParameterizedTest
  @ValueSource(strings = {"POSIX", "tr_TR.UTF-8", "ar_EG.UTF-8"})
  void outputIsTheSameInEveryLocale(String locale) throws Exception {
    String language = locale.equals("POSIX") ? "en" : locale.substring(0, 2);
    job.writeConfig("hyperparameters.json", Map.of("trouble", "größer ☃"));

    Job.Run run = job.finish(job.start(
        Map.of("LC_ALL", locale),
        List.of("-Duser.language=" + language, "-Duser.extensions=u-nu-arab"),
        "train"));

    assertTrue(run.lines().contains("Hyperparameters: count=3 pause=0 trouble=größer ☃"),
        run.out());
    assertTrue(run.lines().contains("step=3 training:loss=0.333333"), run.out());
  }

  /** A model without what has a default. */
  private static class OneFit implements Algorithm {
    @Override
    public List<Hyperparameter<?>> hyperparameters() {
      return List.of();
    }

    @Override
    public void read(Hyperparameters settings, Map<String, List<Path>> channels) {}

    @Override
    public Map<String, Double> metrics() {
      return Map.of();
    }

    @Override
    public void save(Path folder) {}
  }

  private static final class Endless extends OneFit {
    @Override
    public void step(int steps, BooleanSupplier stopRequested) {}
  }

  @Test
  void stepsWithoutAnEndAreTold() throws Exception {
    TrainingFailure failure =
        assertThrows(TrainingFailure.class, () -> Train.refuseEndless(new Endless()));

    assertEquals("There is no finished() in Model.java, which job/Algorithm.java asks for.",
        failure.getMessage());
    Train.refuseEndless(new OneFit());
    Train.refuseEndless(new Toy());
  }

  /** Sends SIGTERM when the log says {@code text}. */
  private Job.Run stopAt(String text, String... arguments) throws Exception {
    Process process = job.start(arguments);
    job.waitFor(process, text);
    process.toHandle().destroy();
    return job.finish(process);
  }
}
