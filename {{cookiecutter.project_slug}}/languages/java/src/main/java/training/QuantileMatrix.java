package training;

import com.sun.jna.Callback;
import com.sun.jna.Native;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;
import com.sun.jna.ptr.PointerByReference;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import ml.dmlc.xgboost4j.java.DMatrix;
import ml.dmlc.xgboost4j.java.XGBoostError;

/**
 * A matrix that XGBoost fills from a spool, part by part, without a copy of its numbers.
 *
 * <p>XGBoost4J can't do that without a GPU. Its library can, by the C interface, which JNA calls.
 */
final class QuantileMatrix extends DMatrix {
  private static final NativeLibrary XGBOOST;

  static {
    // Else JNA asks ldconfig where libraries are.
    System.setProperty("jna.platform.library.path", "");
    XGBOOST = NativeLibrary.getInstance(library());
  }

  private QuantileMatrix(long handle) {
    super(handle);
  }

  /**
   * Makes a matrix of a spool's rows.
   *
   * @param reference the matrix of the training rows, or null for those
   * @param folder where XGBoost keeps the numbers in files, or null for the memory
   */
  static QuantileMatrix of(Spool rows, Columns columns, DMatrix reference, Path folder)
      throws IOException, XGBoostError {
    PointerByReference out = new PointerByReference();
    call("XGProxyDMatrixCreate", out);
    Pointer proxy = out.getValue();
    try {
      // What is a category must be known before the first part is read.
      String[] types = columns.types();
      call("XGDMatrixSetStrFeatureInfo", proxy, "feature_type", types, (long) types.length);
      Parts parts = new Parts(rows, proxy);
      Pointer training = reference == null ? null : new Pointer(reference.getHandle());
      String config = "{\"missing\": NaN, \"nthread\": %s, \"max_bin\": 256%s}".formatted(
          Runtime.getRuntime().availableProcessors(),
          folder == null ? "" : ", \"cache_prefix\": \"%s/numbers\"".formatted(folder));
      String kind = folder == null ? "XGQuantile" : "XGExtMemQuantile";
      try {
        call(kind + "DMatrixCreateFromCallback",
            null, proxy, training, parts.reset, parts.next, config, out);
      } finally {
        parts.check();
      }
      return new QuantileMatrix(Pointer.nativeValue(out.getValue()));
    } finally {
      call("XGDMatrixFree", proxy);
    }
  }

  /** What XGBoost calls to go through the parts, several times. */
  private static final class Parts {
    private final Next next = iterator -> next();
    private final Reset reset = iterator -> reset();
    private final Spool rows;
    private final Pointer proxy;
    private Exception problem;
    private int at;
    /** Mapped as long as XGBoost reads it. */
    private FloatBuffer part;

    Parts(Spool rows, Pointer proxy) {
      this.rows = rows;
      this.proxy = proxy;
    }

    /** Throws what went wrong with a part. */
    void check() throws IOException {
      if (problem != null) {
        throw new IOException(problem.getMessage(), problem);
      }
    }

    private void reset() {
      at = 0;
    }

    private int next() {
      if (at == Math.max(1, rows.parts())) { // Of no rows it wants one part too.
        return 0;
      }
      try {
        part = rows.part(at++);
        int count = part.limit() / rows.width();
        int columns = rows.width() - 1;
        long stride = (long) Float.BYTES * rows.width();
        long begin = count == 0 ? 0 : Pointer.nativeValue(Native.getDirectBufferPointer(part));
        call("XGProxyDMatrixSetDataDense", proxy, array(
            begin, "[%s, %s]".formatted(count, columns), "[%s, 4]".formatted(stride)));
        call("XGDMatrixSetInfoFromInterface", proxy, "label", array(
            count == 0 ? 0 : begin + (long) Float.BYTES * columns,
            "[%s]".formatted(count), "[%s]".formatted(stride)));
        return 1;
      } catch (IOException | XGBoostError e) {
        problem = e; // Which can't pass through XGBoost's own frames.
        return 0;
      }
    }

    private static String array(long address, String shape, String strides) {
      return "{\"data\": [%s, true], \"shape\": %s, \"strides\": %s, ".formatted(
          address, shape, strides) + "\"typestr\": \"<f4\", \"version\": 3}";
    }
  }

  private static void call(String function, Object... arguments) throws XGBoostError {
    if (XGBOOST.getFunction(function).invokeInt(arguments) != 0) {
      throw new XGBoostError(
          XGBOOST.getFunction("XGBGetLastError").invokeString(new Object[0], false));
    }
  }

  /** Returns where XGBoost4J has put the library that it loaded. */
  private static String library() {
    try (Stream<String> maps = Files.lines(Path.of("/proc/self/maps"))) {
      return maps.filter(line -> line.contains("libxgboost4j"))
          .map(line -> line.substring(line.indexOf('/')))
          .findFirst()
          .orElseThrow();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Gives the next part; returns 0 behind the last. */
  interface Next extends Callback {
    int invoke(Pointer iterator);
  }

  /** Begins anew. */
  interface Reset extends Callback {
    void invoke(Pointer iterator);
  }
}
