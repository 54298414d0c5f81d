package training;

import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.Locale;
import java.util.stream.Stream;
import training.job.Log;
import training.job.TrainingFailure;

/** How XGBoost keeps the numbers of this host. */
enum Way {
  /** In memory, as copies of XGBoost4J's: it needs no other library, and much memory. */
  COPIED,
  /** In memory. */
  IN_MEMORY,
  /** On the disk, in files that each step reads. */
  ON_DISK;

  /** How many numbers are copied; loading the other library takes longer than that. */
  private static final long MOST_COPIED = 1 << 23;
  /** What else a container needs. */
  private static final double SLACK = 1.1;
  private static final Path PROC = Path.of("/proc");

  /**
   * What training needs, in bytes, as it was measured with XGBoost 3.4.
   *
   * @param working the memory beside the numbers
   * @param numbers what XGBoost keeps of the numbers, in memory or on the disk
   * @param training those of the channel "training" alone
   * @param rows the files of rows, which are there until XGBoost has its own
   */
  record Need(long working, long numbers, long training, long rows) {
    /** For each row, in memory. */
    private static final int ROW = 44;
    /** At most for each column, in memory, while XGBoost looks for quantiles. */
    private static final int COLUMN = 600_000;
    /** For each number, without and with missing ones, and where it is copied. */
    private static final double[] NUMBER = {2.5, 5.2};
    private static final int COPY = 14;

    static Need of(Collection<Spool> channels) {
      Need need = new Need(0, 0, 0, 0);
      for (Spool channel : channels) {
        long columns = channel.width() - 1;
        long rows = channel.rows();
        long working = ROW * rows + columns * Math.min(COLUMN, 16 * rows);
        long numbers = (long) (rows * (columns * NUMBER[channel.lacksValues() ? 1 : 0] + 8));
        need = new Need(need.working + working, need.numbers + numbers,
            need.training == 0 ? numbers : need.training,
            need.rows + Float.BYTES * rows * channel.width());
      }
      return need;
    }
  }

  /** Returns whether the numbers are too many to copy, and can be had otherwise on this machine. */
  static boolean large(Collection<Spool> channels) {
    return numbers(channels) > MOST_COPIED && Files.exists(PROC.resolve("self/maps"));
  }

  /** Returns the way for what is not large, and says so. */
  static Way ofCopies(Collection<Spool> channels) throws IOException {
    long copies = Need.COPY * numbers(channels);
    Log.line("The data are kept in memory: training needs some %s MB."
        .formatted(megabytes(used() + Need.of(channels).working() + copies)));
    return COPIED;
  }

  private static long numbers(Collection<Spool> channels) {
    return channels.stream().mapToLong(rows -> rows.rows() * (rows.width() - 1)).sum();
  }

  /** Returns the way for what is large, and says so. */
  static Way of(Collection<Spool> channels, int depth) throws IOException {
    System.gc(); // What was read has left garbage: this gives its memory back.
    return of(
        Need.of(channels), used(), room(), Spool.FOLDER.toFile().getUsableSpace(), depth);
  }

  /**
   * Returns the way for what is needed, and says so.
   *
   * @param used the memory that this program has already
   * @param room the memory that it may have
   * @param free what is free on the disk
   * @param depth that of the trees
   * @throws TrainingFailure where the disk has no room for it
   */
  static Way of(Need need, long used, long room, long free, int depth) {
    long working = used + need.working() + 2 * Spool.BYTES_AT_ONCE;
    String inMemory = megabytes(working + need.numbers());
    if (SLACK * (working + need.numbers()) <= room) {
      Log.line("The data are kept in memory: training needs some %s MB.".formatted(inMemory));
      return IN_MEMORY;
    }
    Log.line("The data are kept on the disk: training needs some %s MB for them in memory, which "
        .formatted(inMemory) + "has %s MB.".formatted(megabytes(room)));
    long read = need.numbers() + 2 * depth * need.training();
    Log.line("There it needs some %s MB in %s, and %s MB of memory. A step reads up to %s MB, less "
        .formatted(megabytes(need.numbers() + need.rows()), Spool.FOLDER, megabytes(working),
            megabytes(read)) + "what memory has room to keep.");
    if (working > room) {
      Log.line("WARNING: this is more memory than there is: training may be killed (exit code "
          + "137).");
    }
    if (need.numbers() > free) {
      throw new TrainingFailure("%s has %s MB free, and training needs %s MB there: raise "
          .formatted(Spool.FOLDER, megabytes(free), megabytes(need.numbers()))
          + "VolumeSizeInGB in training-job.json.");
    }
    return ON_DISK;
  }

  /** Returns the memory that the program may have: the container's limit, or less. */
  private static long room() throws IOException {
    return Math.min(
        ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class).getTotalMemorySize(),
        used() + bytes("meminfo", "MemAvailable:"));
  }

  /** Returns the memory that this process has for itself. */
  private static long used() throws IOException {
    return bytes("self/status", "RssAnon:");
  }

  /** Returns what Linux says; elsewhere it is unknown, and 0. */
  private static long bytes(String file, String name) throws IOException {
    if (!Files.exists(PROC.resolve(file))) {
      return 0;
    }
    try (Stream<String> lines = Files.lines(PROC.resolve(file))) {
      return 1024 * lines.filter(line -> line.startsWith(name))
          .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")))
          .sum();
    }
  }

  private static String megabytes(long bytes) {
    // Without a locale, whose symbols take 20 ms to load.
    return String.format((Locale) null, "%,d", (bytes + (1 << 20) - 1) >> 20);
  }
}
