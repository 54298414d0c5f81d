package training.job;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import training.job.JobFiles.PathAction;

/** /opt/ml/model, which holds the whole model or nothing (C59). */
public final class ModelFolder {
  private final Path folder;

  /** Takes the folder of the job whose files these are. */
  public ModelFolder(JobFiles files) {
    folder = files.root().resolve("model");
  }

  /**
   * Writes the model's files, and what is said of the job to metadata.json.
   *
   * <p>SIGKILL in the midst of it leaves a folder .saving, which has to lie here: a rename from
   * elsewhere would be no rename.
   *
   * @param save writes them into an empty folder
   * @param load reads them back, before they are renamed into place
   * @throws TrainingFailure if {@code save} wrote nothing: the service takes a job without a model
   *     for completed (C60)
   */
  public void save(PathAction save, PathAction load, Map<String, Object> metadata)
      throws Exception {
    Path aside = folder.resolve(".saving");
    List<Path> placed = new ArrayList<>();
    boolean complete = false;
    try {
      JobFiles.deleteTree(aside);
      Files.createDirectories(aside);
      save.accept(aside);
      List<Path> files = new ArrayList<>(JobFiles.filesIn(aside));
      if (files.stream().allMatch(file -> file.toFile().length() == 0)) {
        throw new TrainingFailure(
            "save() in Model.java wrote no file into its folder: %s would be empty."
                .formatted(folder));
      }
      load.accept(aside);
      Path last = aside.resolve("metadata.json");
      if (files.contains(last)) {
        last = aside.resolve("training-metadata.json");
        Log.line("WARNING: save() of Model wrote a metadata.json: what train says of the job is "
            + "in training-metadata.json.");
      }
      Files.writeString(last, Json.format(metadata));
      files.add(last);
      for (Path file : files) {
        JobFiles.flush(file);
      }
      for (Path file : files) {
        Path place = folder.resolve(aside.relativize(file));
        Files.createDirectories(place.getParent());
        placed.add(place);
        Files.move(file, place, StandardCopyOption.ATOMIC_MOVE);
      }
      complete = true;
    } catch (IOException | UncheckedIOException e) {
      throw Outcome.named(e, folder);
    } finally {
      if (!complete) {
        for (Path place : placed) {
          Files.deleteIfExists(place);
        }
      }
      JobFiles.deleteTree(aside);
    }
    Log.line("Saved the model in %s: %s.".formatted(folder, placed.stream()
        .map(place -> folder.relativize(place).toString())
        .sorted()
        .collect(Collectors.joining(", "))));
  }

  /**
   * Refuses a folder to load a model from that is not whole.
   *
   * @throws TrainingFailure if the job was killed while it saved
   */
  public static void requireWhole(Path folder) {
    if (Files.exists(folder.resolve(".saving"))) {
      throw new TrainingFailure(
          "%s holds .saving: the job was killed while it saved the model, so it is not whole."
              .formatted(folder));
    }
  }
}
