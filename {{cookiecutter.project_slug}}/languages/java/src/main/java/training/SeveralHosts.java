package training;

/** What {@link Model} implements if it can train on several hosts; else it is refused there. */
public interface SeveralHosts {
  /** Joins the library that trains, on this host, to those on the others, before it reads. */
  void join(Cluster cluster) throws Exception;

  /** Returns a checksum of the model, which each step must make the same on every host. */
  long checksum() throws Exception;
}
