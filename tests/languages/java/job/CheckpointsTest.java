package training.job;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** States that are kept, skipped where broken, and resumed from. */
class CheckpointsTest extends JobTree {

  /** C64. */
  @Test
  void noneAreKeptWithoutTheFolder() throws Exception {
    Checkpoints checkpoints = new Checkpoints(files);

    saveSteps(checkpoints, 1);

    assertFalse(checkpoints.due());
    assertEquals(0, checkpoints.resume(path -> {
      throw new AssertionError(path);
    }));
    assertFalse(Files.exists(root.resolve("checkpoints")));
    assertEquals(
        "No checkpoints: %s does not exist (the job has no CheckpointConfig).\n"
            .formatted(root.resolve("checkpoints")),
        log.toString());
  }

  /** C65. */
  @Test
  void lastThreeAreKeptAndTheOneThatIsUploaded() throws Exception {
    Path folder = Files.createDirectories(root.resolve("checkpoints"));
    Files.createFile(folder.resolve("checkpoint-00000001.sagemaker-uploading"));

    saveSteps(new Checkpoints(files), 1, 2, 3, 4, 5);

    assertEquals(
        List.of("checkpoint-00000001", "checkpoint-00000001.sagemaker-uploading",
            "checkpoint-00000003", "checkpoint-00000004", "checkpoint-00000005"),
        names(folder));
  }

  /** C65. */
  @Test
  void checkpointHasAnotherNameUntilItIsWhole() throws Exception {
    Path folder = Files.createDirectories(root.resolve("checkpoints"));
    List<String> seen = new ArrayList<>();

    new Checkpoints(files).save(7, path -> {
      Files.writeString(path, "7");
      seen.addAll(names(folder));
    });

    assertEquals(List.of("checkpoint-00000007.sagemaker-ignore"), seen);
    assertEquals(List.of("checkpoint-00000007"), names(folder));
  }

  /** C65. */
  @Test
  void brokenCheckpointGivesWayToTheOneBefore() throws Exception {
    Path folder = Files.createDirectories(root.resolve("checkpoints"));
    Checkpoints checkpoints = new Checkpoints(files);
    saveSteps(checkpoints, 1, 2);
    Files.writeString(folder.resolve("checkpoint-00000002"), "no number");
    Files.writeString(folder.resolve("checkpoint-00000003.sagemaker-uploaded"), "9");
    Files.writeString(folder.resolve("checkpoint-00000009.sagemaker-ignore"), "9");
    List<Integer> loaded = new ArrayList<>();

    assertEquals(
        1, checkpoints.resume(path -> loaded.add(Integer.valueOf(Files.readString(path)))));

    assertEquals(List.of(1), loaded);
    assertEquals("""
        WARNING: checkpoint-00000002 is broken (For input string: "no number"): \
        trying the one before.
        Resuming from checkpoint-00000001, after step 1.
        """, log.toString());
  }

  @Test
  void checkpointsThatAreAllBrokenStartFromTheBeginning() throws Exception {
    Files.createDirectories(root.resolve("checkpoints"));
    Files.createFile(root.resolve("checkpoints/checkpoint-00000002"));

    assertEquals(
        0, new Checkpoints(files).resume(path -> Integer.parseInt(Files.readString(path))));

    assertTrue(log.toString().endsWith(
        "WARNING: no checkpoint could be read: training starts from the beginning.\n"));
  }

  @Test
  void firstStepIsDueAndTheNextIsNotAtOnce() throws Exception {
    Files.createDirectories(root.resolve("checkpoints"));
    Checkpoints checkpoints = new Checkpoints(files);
    assertTrue(checkpoints.due());

    saveSteps(checkpoints, 1);

    assertFalse(checkpoints.due());
  }

  private static void saveSteps(Checkpoints checkpoints, int... steps) throws Exception {
    for (int step : steps) {
      checkpoints.save(step, path -> Files.writeString(path, "" + step));
    }
  }
}
