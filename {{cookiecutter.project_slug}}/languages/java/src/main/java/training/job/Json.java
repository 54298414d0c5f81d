package training.job;

import com.google.gson.Strictness;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonWriter;
import java.io.IOException;
import java.io.StringReader;
import java.io.StringWriter;
import java.io.Writer;
import java.lang.reflect.Array;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.regex.Pattern;

/** JSON to and from maps, lists and plain values, whose order stays: by few classes of Gson. */
public final class Json {
  private static final int DEEPEST = 30;
  private static final Pattern NUMBER = Pattern.compile("-?[0-9]+([.][0-9]+)?([eE][-+]?[0-9]+)?");

  private Json() {}

  /**
   * Returns what a text says: a map, a list, a Boolean, null, or a string, as which numbers come.
   *
   * @throws IOException with what is wrong and the line
   */
  static Object parse(String text) throws IOException {
    JsonReader reader = new JsonReader(new StringReader(text));
    reader.setStrictness(Strictness.STRICT);
    try {
      Object value = read(reader);
      reader.peek(); // Throws if more follows.
      return value;
    } catch (IOException e) {
      // What Gson says of most mistakes is for programmers, and its columns are inexact.
      throw new IOException(Outcome.firstLine(e)
          .replaceFirst("^Use JsonReader.* to accept malformed JSON", "unexpected text")
          .replaceFirst(" at line ([0-9]+) .*", " (line $1)"), e);
    }
  }

  /** Returns the text of maps, lists, arrays, numbers and Booleans; of others, toString. */
  static String format(Map<String, ?> values) throws IOException {
    StringWriter text = new StringWriter();
    JsonWriter writer = new JsonWriter(text);
    writer.setIndent("  ");
    writer.beginObject();
    for (Map.Entry<String, ?> entry : values.entrySet()) {
      writer.name(entry.getKey());
      write(writer, canBeWritten(entry.getValue()) ? entry.getValue() : "…", 1);
    }
    writer.endObject();
    return text.append('\n').toString();
  }

  /**
   * Returns a map's entries in its own order, or sorted where it has none, as Map.of and HashMap:
   * the order of Map.of is another one in each run, and the same training gives the same files.
   */
  public static <V> Map<String, V> inOrder(Map<?, ? extends V> map) {
    Map<String, V> ordered =
        map instanceof LinkedHashMap || map instanceof SortedMap
            ? new LinkedHashMap<>() : new TreeMap<>();
    map.forEach((key, value) -> ordered.put(String.valueOf(key), value));
    return ordered;
  }

  private static boolean canBeWritten(Object value) throws IOException {
    try {
      write(new JsonWriter(Writer.nullWriter()), value, 1);
      return true;
    } catch (RuntimeException | StackOverflowError e) {
      return false;
    }
  }

  private static Object read(JsonReader reader) throws IOException {
    switch (reader.peek()) {
      case BEGIN_OBJECT:
        Map<String, Object> object = new LinkedHashMap<>();
        reader.beginObject();
        while (reader.hasNext()) {
          object.put(reader.nextName(), read(reader));
        }
        reader.endObject();
        return object;
      case BEGIN_ARRAY:
        List<Object> array = new ArrayList<>();
        reader.beginArray();
        while (reader.hasNext()) {
          array.add(read(reader));
        }
        reader.endArray();
        return array;
      case BOOLEAN:
        return reader.nextBoolean();
      case NULL:
        reader.nextNull();
        return null;
      default:
        return reader.nextString();
    }
  }

  private static void write(JsonWriter writer, Object value, int depth) throws IOException {
    if (depth > DEEPEST || value instanceof Path) {
      // What holds itself, as a path does, whose only name is a path.
      writer.value(value instanceof Path ? value.toString() : "…");
    } else if (value instanceof Map<?, ?> map) {
      writer.beginObject();
      for (Map.Entry<String, Object> entry : Json.<Object>inOrder(map).entrySet()) {
        writer.name(entry.getKey());
        write(writer, entry.getValue(), depth + 1);
      }
      writer.endObject();
    } else if (value instanceof Iterable<?> values) {
      writer.beginArray();
      for (Object each : values) {
        write(writer, each, depth + 1);
      }
      writer.endArray();
    } else if (value != null && value.getClass().isArray()) {
      writer.beginArray();
      for (int i = 0; i < Array.getLength(value); i++) {
        write(writer, Array.get(value, i), depth + 1);
      }
      writer.endArray();
    } else if (value instanceof Number number && Double.isFinite(number.doubleValue())
        && NUMBER.matcher(number.toString()).matches()) {
      writer.value(number);
    } else if (value instanceof Boolean truth) {
      writer.value(truth);
    } else {
      writer.value(value == null ? null : value.toString());
    }
  }
}
