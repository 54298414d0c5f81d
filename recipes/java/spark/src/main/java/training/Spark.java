package training;

import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.HexFormat;
import java.util.concurrent.TimeUnit;
import org.apache.hadoop.fs.RawLocalFileSystem;
import org.apache.spark.SparkConf;
import org.apache.spark.deploy.master.Master;
import org.apache.spark.deploy.worker.Worker;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.util.Utils;
import scala.Option;
import training.job.Cluster;
import training.job.Hosts;
import training.job.Log;
import training.job.TrainingFailure;

/** Spark's own ways: a cluster of the job's hosts, which lives as long as this program. */
final class Spark {
  /** Those of the master, the workers, the leader's session, and the blocks of all processes. */
  private static final int PORT = 7077;

  private Spark() {}

  /** Returns the session of the leader, and null on the other hosts, whose executors it has. */
  static SparkSession join(Cluster cluster) throws InterruptedException {
    // Else it says that BLAS in C is missing here, which the leader's session does not need.
    System.setProperty("dev.ludovic.netlib.blas.allowNative", "false");
    Hosts hosts = cluster.hosts();
    if (!hosts.several()) {
      return alone(null);
    }
    byte[] random = new byte[32];
    new SecureRandom().nextBytes(random);
    // What each process of the cluster has to know: whoever reaches a master can run programs.
    String secret = cluster.collect(HexFormat.of().formatHex(random)).get(hosts.leader());
    int cores = Runtime.getRuntime().availableProcessors();
    int megabytes = (int) (ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class)
        .getTotalMemorySize() >> 21);
    String master = "spark://%s:%s".formatted(hosts.leader(), PORT);
    SparkConf conf = common()
        .setMaster(master)
        .set("spark.authenticate", "true")
        .set("spark.authenticate.secret", secret)
        .set("spark.blockManager.port", String.valueOf(PORT + 3))
        .set("spark.driver.host", hosts.leader())
        .set("spark.driver.port", String.valueOf(PORT + 2))
        .set("spark.executor.memory", megabytes + "m")
        .set("spark.executor.extraClassPath", jar())
        .set("spark.master.rest.enabled", "false")
        // Else its launcher looks for jars in SPARK_HOME; those of training.jar are in lib/.
        .set("spark.executorEnv.SPARK_SCALA_VERSION", "2.13")
        .set("spark.executorEnv.SPARK_SQL_TESTING", "1");
    if (hosts.leads()) {
      Master.startRpcEnvAndEndpoint(hosts.leader(), PORT, 0, conf);
    }
    cluster.barrier(); // Now the master listens.
    String[] masters = {master};
    Worker.startRpcEnvAndEndpoint(hosts.current(), PORT + 1, 0, cores, megabytes, masters,
        folder("spark-work"), Option.empty(), conf, Option.empty());
    return hosts.leads() ? started(conf, cluster) : null;
  }

  /** Returns a session of this host's cores alone, in place of another. */
  static SparkSession alone(SparkSession other) {
    if (other != null) {
      if (other.sparkContext().isLocal()) {
        return other;
      }
      other.stop();
    }
    // The name of this host need not resolve.
    Utils.setCustomHostname("localhost");
    return session(common()
        .setMaster("local[*]")
        .set("spark.driver.bindAddress", "127.0.0.1")
        .set("spark.driver.host", "localhost"));
  }

  private static SparkSession started(SparkConf conf, Cluster cluster)
      throws InterruptedException {
    SparkSession session = session(conf);
    int hosts = cluster.hosts().names().size();
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(cluster.timeout());
    // The session itself counts too.
    while (session.sparkContext().statusTracker().getExecutorInfos().length <= hosts) {
      if (System.nanoTime() > end) {
        throw new TrainingFailure(
            "Spark has no executor on some of the hosts: their logs are in %s of each."
                .formatted(folder("spark-work")));
      }
      TimeUnit.MILLISECONDS.sleep(100);
    }
    Log.line("Spark %s has an executor on each of %s hosts.".formatted(session.version(), hosts));
    return session;
  }

  private static SparkSession session(SparkConf conf) {
    return SparkSession.builder().config(conf).getOrCreate();
  }

  private static SparkConf common() {
    return new SparkConf() {
      private static final long serialVersionUID = 1L;

      /** Has the pages of master and worker, which can't be switched off, be for this host only. */
      @Override
      public String getenv(String name) {
        return name.equals("SPARK_LOCAL_IP") ? "127.0.0.1" : super.getenv(name);
      }
    }
        .setAppName("training")
        .set("spark.hadoop.fs.file.impl", RawLocalFileSystem.class.getName()) // No .crc files.
        .set("spark.hadoop.mapreduce.fileoutputcommitter.marksuccessfuljobs", "false")
        .set("spark.ui.enabled", "false")
        .set("spark.ui.showConsoleProgress", "false")
        // Compressed by what needs no library in C, so that /tmp need not be executable.
        .set("spark.shuffle.mapStatus.compression.codec", "lz4")
        .set("spark.sql.parquet.compression.codec", "gzip")
        // Few rows are shared out too.
        .set("spark.sql.files.openCostInBytes", "0")
        .set("spark.sql.warehouse.dir", folder("spark-warehouse"));
  }

  private static String folder(String name) {
    return Path.of(System.getProperty("java.io.tmpdir"), name).toString();
  }

  private static String jar() {
    return Path.of(Spark.class.getProtectionDomain().getCodeSource().getLocation().getPath())
        .toString();
  }
}
