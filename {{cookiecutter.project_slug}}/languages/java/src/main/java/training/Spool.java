package training;

import java.io.IOException;
import java.lang.ProcessBuilder.Redirect;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * Rows of 32-bit floats in a temporary file, of which the kernel keeps in memory what fits.
 *
 * <p>The file has no name, so that it is gone with this process, however that ends.
 */
final class Spool implements AutoCloseable {
  static final Path FOLDER = Path.of(System.getProperty("java.io.tmpdir"));
  static final int BYTES_AT_ONCE = 1 << 22;

  private final int width;
  private final FileChannel file;
  private final ByteBuffer block;
  private long rows;
  private boolean lacksValues;

  /** Makes an empty one, with so many values in a row. */
  Spool(int width) throws IOException {
    this.width = width;
    Path path = Files.createTempFile(FOLDER, "rows", null);
    file = FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE);
    Files.delete(path);
    block = ByteBuffer.allocateDirect(rowsInPart() * width * Float.BYTES)
        .order(ByteOrder.nativeOrder());
  }

  /** Returns how many rows each part has but the last. */
  int rowsInPart() {
    return Math.max(1, BYTES_AT_ONCE / Float.BYTES / width);
  }

  long rows() {
    return rows;
  }

  int width() {
    return width;
  }

  /** Returns whether any value is missing. */
  boolean lacksValues() {
    return lacksValues;
  }

  void add(float[] row) throws IOException {
    for (float value : row) {
      block.putFloat(value);
      lacksValues |= Float.isNaN(value);
    }
    rows++;
    if (!block.hasRemaining()) {
      flush();
    }
  }

  /** Has the file hold all the rows. */
  void flush() throws IOException {
    block.flip();
    try {
      while (block.hasRemaining()) {
        file.write(block);
      }
    } catch (IOException e) {
      throw new FileSystemException(FOLDER.toString(), null, e.getMessage());
    }
    block.clear();
  }

  int parts() {
    return (int) ((rows + rowsInPart() - 1) / rowsInPart());
  }

  /** Returns a part of the rows; what is written there is written to the file. */
  FloatBuffer part(int number) throws IOException {
    long bytes = (long) rowsInPart() * width * Float.BYTES;
    long begin = number * bytes;
    return file.map(MapMode.READ_WRITE, begin, Math.min(bytes, file.size() - begin))
        .order(ByteOrder.nativeOrder())
        .asFloatBuffer();
  }

  /** Frees the disk, which the parts would still hold. */
  @Override
  public void close() throws IOException {
    file.truncate(0);
    file.close();
  }

  /** Returns a folder for the files of others, which is gone with this process too. */
  static Path folder() throws IOException {
    Path folder = Files.createTempDirectory(FOLDER, "rows");
    // A hook would not outlive SIGKILL: this shell does, and reads until this process has ended.
    new ProcessBuilder("sh", "-c", "trap '' INT TERM HUP; cat; rm -rf \"$0\"", folder.toString())
        .redirectOutput(Redirect.DISCARD)
        .redirectError(Redirect.DISCARD)
        .start();
    return folder;
  }
}
