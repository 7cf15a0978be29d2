/* processors.h -- how many processors there are for this process: those that its affinity allows,
   but not more than the quota of its control groups, as containers have them, pays for. */
#ifndef FM_PROCESSORS_H
#define FM_PROCESSORS_H

#include "base/internal.h"

/* At least 1. */
unsigned fm_processors(void);

/* The parts of it, for tests. */

/* The processors that a quota of time in a period stands for, rounded up; 0: no limit. The texts
   are those of cpu.max ("150000 100000", "max 100000"), and of cpu.cfs_quota_us ("150000", "-1")
   and cpu.cfs_period_us. */
unsigned fm_cpu_max(const char *text);
unsigned fm_cfs_quota(const char *quota, const char *period);
/* The minimum of all quotas of the groups in the text of /proc/self/cgroup and of those above them;
   0: none. mount: "/sys/fs/cgroup". */
unsigned fm_cgroup_processors(const char *groups, const char *mount);

#endif
