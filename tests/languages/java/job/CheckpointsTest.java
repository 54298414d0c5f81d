package training.job;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** States that are kept, skipped where broken, and resumed from. */
class CheckpointsTest extends JobTree {

  /** C64. */
  @Test
  void noneAreKeptWithoutTheFolder() throws Exception {
    Checkpoints checkpoints = checkpoints();

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

    saveSteps(checkpoints(), 1, 2, 3, 4, 5);

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

    checkpoints().save(7, path -> {
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
    Checkpoints checkpoints = checkpoints();
    saveSteps(checkpoints, 1, 2);
    checkpoints.save(2, path -> Files.writeString(path, "no number"));
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

  /** A local run of several hosts gives all of them the same folder (C66). */
  @Test
  void hostsOfOneFolderResumeAtTheSameTime() throws Exception {
    Files.createDirectories(root.resolve("checkpoints"));
    Checkpoints checkpoints = checkpoints();
    saveSteps(checkpoints, 1, 2);
    List<String> loaded = new ArrayList<>();

    checkpoints.resume(path -> {
      assertEquals(2, checkpoints().resume(other -> loaded.add(Files.readString(other))));
      loaded.add(Files.readString(path));
    });

    assertEquals(List.of("2", "2"), loaded);
  }

  @Test
  void checkpointsThatAreAllBrokenStartFromTheBeginning() throws Exception {
    Files.createDirectories(root.resolve("checkpoints"));
    Files.createFile(root.resolve("checkpoints/checkpoint-00000002"));

    assertEquals(
        0, checkpoints().resume(path -> Integer.parseInt(Files.readString(path))));

    assertTrue(log.toString().endsWith(
        "WARNING: no checkpoint could be read: training starts from the beginning.\n"));
  }

  @Test
  void firstStepIsDueAndTheNextIsNotAtOnce() throws Exception {
    Files.createDirectories(root.resolve("checkpoints"));
    Checkpoints checkpoints = checkpoints();
    assertTrue(checkpoints.due());

    saveSteps(checkpoints, 1);

    assertFalse(checkpoints.due());
  }

  /** Whatever is cut off or changed is noticed, so that no library has to read it. */
  @Test
  void damageIsNoticedForEveryModel() throws Exception {
    Path file = Files.createDirectories(root.resolve("checkpoints"))
        .resolve("checkpoint-00000002");
    checkpoints().save(2, path -> Files.write(path, new byte[200_000]));
    byte[] whole = Files.readAllBytes(file);
    List<byte[]> broken = new ArrayList<>();
    for (int length : List.of(0, 1, 7, 8, 30, 1000, whole.length - 1)) {
      broken.add(Arrays.copyOf(whole, length));
    }
    for (int changed : List.of(0, 100_000, whole.length - 20, whole.length - 1)) {
      byte[] other = whole.clone();
      other[changed] ^= 1;
      broken.add(other);
    }
    for (byte[] content : broken) {
      Files.write(file, content);
      log.reset();

      assertEquals(0, checkpoints().resume(path -> {
        throw new AssertionError("loaded");
      }));

      assertTrue(log.toString().startsWith("WARNING: checkpoint-00000002 is broken (it is "
          + "damaged): trying the one before.\n"), log.toString());
      assertEquals(List.of("checkpoint-00000002"), names(file.getParent()));
    }
    Files.write(file, whole);
    assertEquals(2, checkpoints().resume(path -> assertEquals(200_000, Files.size(path))));
  }

  @Test
  void otherHyperparametersAreSaidAndRefusedWhereNothingIsLeftToTrain() throws Exception {
    Files.createDirectories(root.resolve("checkpoints"));
    saveSteps(new Checkpoints(files, Map.of("rate", 0.1, "trees", 50)), 50);
    Checkpoints same = new Checkpoints(files, Map.of("rate", 0.1, "trees", 50));
    same.resume(path -> { });
    assertEquals("Resuming from checkpoint-00000050, after step 50.\n", log.toString());
    same.refuseOthers(true);
    log.reset();
    Checkpoints other = new Checkpoints(files, Map.of("rate", 0.3, "trees", 50));

    other.resume(path -> { });

    assertEquals("""
        WARNING: checkpoint-00000050 was made with other hyperparameters: rate=0.1, now 0.3.
        Resuming from checkpoint-00000050, after step 50.
        """, log.toString());
    other.refuseOthers(false);
    assertEquals("checkpoint-00000050 was made with rate=0.1, and this job has rate=0.3: give the "
        + "same, or start it without checkpoints.", assertThrows(
            TrainingFailure.class, () -> other.refuseOthers(true)).getMessage());
  }

  @Test
  void modelThatWritesNoneHasNone() throws Exception {
    Files.createDirectories(root.resolve("checkpoints"));

    checkpoints().save(1, path -> { });

    assertEquals(List.of(), names(root.resolve("checkpoints")));
  }

  private Checkpoints checkpoints() {
    return new Checkpoints(files, Map.of("count", 3));
  }

  private static void saveSteps(Checkpoints checkpoints, int... steps) throws Exception {
    for (int step : steps) {
      checkpoints.save(step, path -> Files.writeString(path, "" + step));
    }
  }
}
