/*
 * grid.c
 *	  Distances, and the grid by which places are indexed.
 */
#include "postgres.h"

#include <math.h>

#include "casework/repeats.h"

/* degrees; in latitude 278 m */
#define CELL_DEGREES	  0.0025
#define METERS_PER_DEGREE 111195.0
#define COLUMNS			  INT64CONST(200000) /* more than 360 / 0.0025 */

bool
point_is_place(const Point *p)
{
	return p->x >= -180.0 && p->x <= 180.0 && p->y >= -90.0 && p->y <= 90.0;
}

double
meters_between(const Point *a, const Point *b)
{
	double rad = M_PI / 180.0;
	double dy = sin((a->y - b->y) * rad / 2);
	double dx = sin((a->x - b->x) * rad / 2);
	double h = dy * dy + cos(a->y * rad) * cos(b->y * rad) * dx * dx;

	return 2.0 * 6371008.8 * asin(sqrt(Min(h, 1.0)));
}

static int64
cell_at(int64 row, int64 column)
{
	return (row + COLUMNS) * COLUMNS + column + COLUMNS / 2;
}

int64
grid_cell(const Point *p)
{
	return cell_at((int64) floor(p->y / CELL_DEGREES), (int64) floor(p->x / CELL_DEGREES));
}

/* All cells that the circle's square touches; a smaller square when they are more than max. */
int
grid_cells(const Point *p, int radius_m, int64 *cells, int max)
{
	double dy = radius_m / METERS_PER_DEGREE;
	double narrow = cos(p->y * M_PI / 180.0);
	double dx = dy / Max(narrow, 0.01);
	int64  bottom, top, left, right;
	int	   n = 0;

	for (;;)
	{
		bottom = (int64) floor((p->y - dy) / CELL_DEGREES);
		top = (int64) floor((p->y + dy) / CELL_DEGREES);
		left = (int64) floor((p->x - dx) / CELL_DEGREES);
		right = (int64) floor((p->x + dx) / CELL_DEGREES);
		if ((top - bottom + 1) * (right - left + 1) <= max)
			break;
		dx *= 0.8;
		dy *= 0.8;
	}
	for (int64 row = bottom; row <= top; row++)
		for (int64 column = left; column <= right; column++)
			cells[n++] = cell_at(row, column);
	return n;
}
