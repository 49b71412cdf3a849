/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* nxvfs/errno.h
 *
 * Error numbers, with Linux's generic values on every machine: a plugin answers `-NX_ENOENT`, never the
 * `-ENOENT` of the machine's own <errno.h>, which may differ. Positive here, negated on the wire. */
#ifndef NXVFS_ERRNO_H
#define NXVFS_ERRNO_H

/* The largest error number that the wire carries; beyond it a negative answer is taken for `NX_EIO`. */
#define NX_ERRNO_MAX 4095

#define NX_EPERM 1       /* operation not permitted */
#define NX_ENOENT 2      /* no such file or directory */
#define NX_ESRCH 3       /* no such task */
#define NX_EINTR 4       /* interrupted */
#define NX_EIO 5         /* input or output error */
#define NX_ENXIO 6       /* no such device or address */
#define NX_E2BIG 7       /* argument list too long */
#define NX_ENOEXEC 8     /* not an executable format */
#define NX_EBADF 9       /* bad file descriptor */
#define NX_ECHILD 10     /* no such child */
#define NX_EAGAIN 11     /* try again */
#define NX_ENOMEM 12     /* not enough memory */
#define NX_EACCES 13     /* permission denied */
#define NX_EFAULT 14     /* bad address */
#define NX_ENOTBLK 15    /* not a block device */
#define NX_EBUSY 16      /* in use */
#define NX_EEXIST 17     /* exists already */
#define NX_EXDEV 18      /* crosses from one volume to another */
#define NX_ENODEV 19     /* no such driver, or the driver cannot do this */
#define NX_ENOTDIR 20    /* not a directory */
#define NX_EISDIR 21     /* is a directory */
#define NX_EINVAL 22     /* invalid argument */
#define NX_ENFILE 23     /* too many open files in the host */
#define NX_EMFILE 24     /* too many open files in the task */
#define NX_ENOTTY 25     /* command not known to this object */
#define NX_ETXTBSY 26    /* file is being executed */
#define NX_EFBIG 27      /* file too large */
#define NX_ENOSPC 28     /* no space left on the device */
#define NX_ESPIPE 29     /* cannot seek */
#define NX_EROFS 30      /* read-only file system */
#define NX_EMLINK 31     /* too many links */
#define NX_EPIPE 32      /* no reader */
#define NX_EDOM 33       /* argument out of domain */
#define NX_ERANGE 34     /* result too large */
#define NX_EDEADLK 35    /* would deadlock */
#define NX_ENAMETOOLONG 36 /* name too long */
#define NX_ENOLCK 37     /* no locks left */
#define NX_ENOSYS 38     /* not implemented */
#define NX_ENOTEMPTY 39  /* directory not empty */
#define NX_ELOOP 40      /* too many symbolic links */
#define NX_ENODATA 61    /* no such attribute */
#define NX_ETIME 62      /* timer expired */
#define NX_EPROTO 71     /* protocol error */
#define NX_EBADMSG 74    /* bad message */
#define NX_EOVERFLOW 75  /* value too large */
#define NX_ELIBACC 79    /* cannot open a needed library */
#define NX_ELIBBAD 80    /* damaged library */
#define NX_EILSEQ 84     /* invalid byte sequence */
#define NX_ENOTSUP 95    /* not supported */
#define NX_ETIMEDOUT 110 /* timed out */
#define NX_EINPROGRESS 115 /* in progress */
#define NX_ESTALE 116    /* stale handle */
#define NX_EUCLEAN 117   /* structure needs cleaning */
#define NX_ECANCELED 125 /* cancelled */

#endif /* NXVFS_ERRNO_H */
