package training.job;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.file.Files;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
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
          ]
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

    assertEquals("The model folder %s would be empty: save() in model wrote no file."
        .formatted(root.resolve("model")), failure.getMessage());
    assertEquals(List.of(), names(root.resolve("model")));
  }
}
