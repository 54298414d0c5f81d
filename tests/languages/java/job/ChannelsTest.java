package training.job;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Which hosts there are, and which files each reads. */
class ChannelsTest extends JobTree {

  /** C35, C36, C37. */
  @Test
  void rankIsThePlaceAmongTheSortedHosts() throws IOException {
    Files.writeString(root.resolve("input/config/resourceconfig.json"), """
        {"current_host": "algo-2", "hosts": ["algo-2", "algo-10", "algo-1"],
         "current_group_name": "b", "network_interface_name": "ethwe",
         "instance_groups": [{"instance_group_name": "a", "hosts": ["algo-10"]},
                             {"instance_group_name": "b", "hosts": ["algo-2", "algo-1"]}]}
        """);

    Hosts hosts = Hosts.read(files);

    assertEquals(new Hosts(List.of("algo-1", "algo-10", "algo-2"), "algo-2"), hosts);
    assertEquals(2, hosts.rank());
    assertEquals("algo-1", hosts.leader());
    assertEquals(List.of("algo-1", "algo-10"), hosts.others());
  }

  /** C34, C38. */
  @ParameterizedTest
  @CsvSource(delimiter = '|', quoteCharacter = '`', value = {
      "{\"current_host\": \"a\", \"hosts\": [\"a\"], \"topology\": null} | a | a",
      "{\"current_host\": \"a\", \"hosts\": []} | a | a",
      "{\"current_host\": \"a\"} | a | a",
      "{\"current_host\": \"b\", \"hosts\": [\"c\", \"a\", \"a\"]} | a,b,c | b",
      "{\"hosts\": [\"a\"]} | a | a",
      "{\"hosts\": null} | algo-1 | algo-1",
      "{} | algo-1 | algo-1",
  })
  void jobAlwaysHasThisHostAndOneThatLeads(String config, String names, String current)
      throws IOException {
    Files.writeString(root.resolve("input/config/resourceconfig.json"), config);

    Hosts hosts = Hosts.read(files);

    assertEquals(new Hosts(List.of(names.split(",")), current), hosts);
    assertEquals(hosts.names().size() > 1, hosts.several());
  }

  @Test
  void oneHostIsAllWithoutTheFile() throws IOException {
    assertEquals(new Hosts(List.of("algo-1"), "algo-1"), Hosts.read(files));
    assertTrue(Hosts.read(files).leads());
  }

  @Test
  void severalHostsOfWhichNoneIsThisAreRefused() throws IOException {
    Path file = Files.writeString(
        root.resolve("input/config/resourceconfig.json"), "{\"hosts\": [\"a\", \"b\"]}");

    assertEquals(file + " has no current_host: it names 2 hosts and not which this is.",
        assertThrows(TrainingFailure.class, () -> Hosts.read(files)).getMessage());
  }

  /** C32, C43, C44. */
  @Test
  void channelsAreThoseOfTheConfiguration() throws Exception {
    Path training = root.resolve("input/data/training");
    Files.writeString(training.resolveSibling("training-manifest"), "{}");
    Files.createDirectories(training.resolveSibling("other"));
    Files.createDirectories(training.resolve("sub/_x"));
    for (String name : List.of("sub/b é.txt", ".hidden", "_SUCCESS", "sub/_x/c.txt", "Z.txt")) {
      Files.writeString(training.resolve(name), "1\n");
    }
    Files.writeString(training.resolve("folder_marker"), "");
    Files.writeString(training.resolve("part-00001.csv"), "");

    Map<String, List<Path>> channels = readChannels();

    assertEquals(Set.of("training"), channels.keySet());
    assertEquals(
        List.of("Z.txt", "a.txt", "sub/b é.txt"),
        channels.get("training").stream()
            .map(file -> training.relativize(file).toString())
            .toList());
    assertEquals("Channels: training (3 files).\n", log.toString());
  }

  @Test
  void whatSystemsAndEditorsLeaveIsNoData() throws Exception {
    Path data = root.resolve("input/data/training");
    for (String name : List.of(
        "desktop.ini", "Thumbs.db", "~$a.xlsx", "._a.txt", "a.txt~", "#a.txt#", "A.BAK")) {
      Files.writeString(data.resolve(name), "1\n");
    }

    Map<String, List<Path>> channels = readChannels();

    assertEquals(Map.of("training", List.of(data.resolve("a.txt"))), channels);
    assertEquals("Channel \"training\": #a.txt#, A.BAK, a.txt~ left out, as a backup: "
        + "rename it if it is data.\nChannels: training (1 file).\n", log.toString());
  }

  @Test
  void foldersAreChannelsWithoutTheConfiguration() throws Exception {
    Files.delete(root.resolve("input/config/inputdataconfig.json"));
    Files.writeString(root.resolve("input/data/training-manifest"), "{}");

    assertEquals(Set.of("training"), readChannels().keySet());
    assertTrue(log.toString().startsWith(
        "inputdataconfig.json is missing: taking the folders under %s as channels.\n"
            .formatted(root.resolve("input/data"))));
  }

  /** C33, C50. */
  @ParameterizedTest
  @CsvSource(delimiter = '|', quoteCharacter = '`', value = {
      "{\"val\": {}, \"train\": {}} | Channel \"training\" is missing: "
          + "the job has only the channels train, val.",
      "{} | Channel \"training\" is missing: the job has no channels.",
      "{\"training\": {}, \"val\": {}} | Channel \"val\" is empty: there is no file under ",
      "{\"training\": {\"TrainingInputMode\": \"Pipe\"}} | Channel \"training\" comes in Pipe "
          + "mode, which this program can't read: use FastFile in training-job.json, "
          + "which streams as well.",
  })
  void channelThatCanNotBeReadIsOneSentence(String config, String sentence) throws IOException {
    Files.createDirectories(root.resolve("input/data/val"));
    Files.writeString(root.resolve("input/config/inputdataconfig.json"), config);

    TrainingFailure failure =
        assertThrows(TrainingFailure.class, this::readChannels);

    assertTrue(failure.getMessage().startsWith(sentence), failure.getMessage());
  }

  private Map<String, List<Path>> readChannels() throws Exception {
    return Channels.read(files, List.of("training"),
        new Hosts(List.of("algo-1"), "algo-1"), text -> Map.of("algo-1", text));
  }
}
