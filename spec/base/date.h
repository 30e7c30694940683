/*
 * Dates of the Gregorian calendar, before and after it was introduced.
 */
#ifndef SPEC_BASE_DATE_H
#define SPEC_BASE_DATE_H

#include "spec/base/base.h"

/* Days since 1970-01-01; months and days from 1. */
int64_t date_days(int64_t year, int64_t month, int64_t day);
void date_of_days(int64_t days, int *out_year, int *out_month, int *out_day);
int64_t date_month_days(int64_t year, int64_t month);
int date_weekday(int64_t days); /* 0: Sunday */

#endif
