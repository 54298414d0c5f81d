package training.job;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.math.BigDecimal;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The whole model or nothing. */
class ModelFolderTest extends JobTree {

  /** C59. */
  @Test
  void modelIsSavedWithItsMetadataInTheirOrder() throws Exception {
    List<String> seen = new ArrayList<>();
    Map<String, Object> metadata = new LinkedHashMap<>();
    metadata.put("steps", 1);
    metadata.put("nan", Double.NaN);
    metadata.put("half", 0.5);
    metadata.put("stopped", false);
    metadata.put("none", null);
    metadata.put("features", new Object[] {"é\"", 2});
    metadata.put("versions", Map.of("d", 1, "c", 2, "b", 3, "a", 4)); // In another order each run.

    new ModelFolder(files).save(
        folder -> {
          Files.createDirectories(folder.resolve("sub"));
          Files.writeString(folder.resolve("sub/number.txt"), "7");
          seen.addAll(names(root.resolve("model")));
        },
        folder -> seen.add(Files.readString(folder.resolve("sub/number.txt"))),
        metadata);

    assertEquals(List.of(".saving", "7"), seen);
    assertEquals(List.of("metadata.json", "sub"), names(root.resolve("model")));
    assertEquals("""
        {
          "steps": 1,
          "nan": "NaN",
          "half": 0.5,
          "stopped": false,
          "none": null,
          "features": [
            "é\\"",
            2
          ],
          "versions": {
            "a": 4,
            "b": 3,
            "c": 2,
            "d": 1
          }
        }
        """, Files.readString(root.resolve("model/metadata.json")));
    assertEquals("Saved the model in %s: metadata.json, sub/number.txt.\n"
        .formatted(root.resolve("model")), log.toString());
  }

  @Test
  void modelThatCanNotBeReadBackIsNone() throws Exception {
    assertThrows(IllegalStateException.class, () -> new ModelFolder(files).save(
        folder -> Files.writeString(folder.resolve("number.txt"), "7"),
        folder -> {
          throw new IllegalStateException();
        },
        Map.of()));

    assertEquals(List.of(), names(root.resolve("model")));
  }

  /** C60. */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void emptyModelIsFailure(boolean withFile) throws Exception {
    TrainingFailure failure = assertThrows(TrainingFailure.class, () -> new ModelFolder(files).save(
        folder -> {
          if (withFile) {
            Files.createFile(folder.resolve("empty"));
          }
        },
        folder -> { },
        Map.of()));

    assertEquals(
        "save() in Model.java wrote no file into its folder: %s would be empty."
            .formatted(root.resolve("model")),
        failure.getMessage());
    assertEquals(List.of(), names(root.resolve("model")));
  }

  /** Libraries write one. */
  @Test
  void metadataOfTheModelsOwnStays() throws Exception {
    new ModelFolder(files).save(
        folder -> Files.writeString(folder.resolve("metadata.json"), "{}"),
        folder -> { },
        Map.of("steps", 1));

    assertEquals(
        List.of("metadata.json", "training-metadata.json"), names(root.resolve("model")));
    assertEquals("{}", Files.readString(root.resolve("model/metadata.json")));
    assertTrue(log.toString().startsWith("WARNING: save() of Model wrote a metadata.json: what "
        + "train says of the job is in training-metadata.json.\n"), log.toString());
  }

  @Test
  void metadataOfAnyTypeCostsNoModel() throws Exception {
    List<Object> circle = new ArrayList<>();
    circle.add(circle);
    Map<String, Object> metadata = new LinkedHashMap<>();
    metadata.put("path", Path.of("a/b"));
    metadata.put("date", LocalDate.of(2026, 1, 2));
    metadata.put("infinite", List.of(Float.NEGATIVE_INFINITY, 1e300, new BigDecimal("1.50")));
    metadata.put("optional", Optional.of(1));
    metadata.put("bytes", new byte[] {1});
    metadata.put("throws", new Object() {
      @Override
      public String toString() {
        throw new IllegalStateException();
      }
    });
    metadata.put("number", new Odd());

    new ModelFolder(files).save(
        folder -> Files.writeString(folder.resolve("number.txt"), "7"), folder -> { }, metadata);

    assertEquals("""
        {"path":"a/b","date":"2026-01-02","infinite":["-Infinity",1.0E300,1.50],\
        "optional":"Optional[1]","bytes":[1],"throws":"…","number":"odd"}""",
        Files.readString(root.resolve("model/metadata.json")).replaceAll("\\n *|(?<=:) ", ""));
    metadata.put("circle", circle);
    new ModelFolder(files).save(
        folder -> Files.writeString(folder.resolve("number.txt"), "7"), folder -> { }, metadata);
    assertTrue(Files.readString(root.resolve("model/metadata.json")).contains("…"));
  }

  private static final class Odd extends Number {
    private static final long serialVersionUID = 1L;

    @Override
    public int intValue() {
      return 1;
    }

    @Override
    public long longValue() {
      return 1;
    }

    @Override
    public float floatValue() {
      return 1;
    }

    @Override
    public double doubleValue() {
      return 1;
    }

    @Override
    public String toString() {
      return "odd";
    }
  }

  /** What SIGKILL leaves of a model that was being saved. */
  @Test
  void folderThatIsNotWholeIsRefused() throws Exception {
    ModelFolder.requireWhole(root.resolve("model"));
    Path folder = Files.createDirectories(root.resolve("model/.saving")).getParent();

    assertEquals(folder + " holds .saving: the job was killed while it saved the model, so it is "
        + "not whole.", assertThrows(
            TrainingFailure.class, () -> ModelFolder.requireWhole(folder)).getMessage());
  }
}
