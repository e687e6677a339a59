/* Profiles whose samples are threads: goroutine and threadcreate. */
#ifndef PIKO_READER_THREADPROFILE_H
#define PIKO_READER_THREADPROFILE_H

#include "profile/profile.h"
#include "reader/reader.h"

/* A symbolized profile. 0, -ENOMEM, or -ETIMEDOUT with `ret` set: the target took no dump, this is what is known. */
int threadprofile_goroutine(const struct reader *reader, struct profile **ret);

/* 0 or -ENOMEM. */
int threadprofile_create(const struct reader *reader, struct profile **ret);

#endif
